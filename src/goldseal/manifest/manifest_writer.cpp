// SPDX-License-Identifier: Apache-2.0
// The manifest's layout is written by hand, not by toml++'s own printer, which sorts keys and would break a tensor over
// many lines: a seal is read and compared by people.
#include <goldseal/manifest/manifest.hpp>
#include <goldseal/manifest/self_digest.hpp>
#include <goldseal/manifest/toml_text.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <utility>

namespace goldseal {
namespace {

std::string seal_table(const Manifest& manifest) {
  return fmt::format(
      "# What was sealed, and on which machine. Any change of this file is noticed.\n"
      "[seal]\nformat = {}\ncreated = {}\ngoldseal = {}\ngolden_sha256 = {}\n{}\n",
      manifest.format, toml_string(manifest.created), toml_string(manifest.goldseal),
      toml_string(to_hex(manifest.golden_sha256)), k_empty_digest_line);
}

std::string tensor_line(const TensorRecord& tensor) {
  const auto alias = tensor.alias_of.empty() ? "" : fmt::format(", alias_of = {}", toml_string(tensor.alias_of));
  return fmt::format("  {{ name = {}, dtype = \"{}\", shape = {}, sha256 = \"{}\"{} }},\n", toml_string(tensor.name),
                     to_string(tensor.dtype), toml_integers(tensor.shape), to_hex(tensor.sha256), alias);
}

std::string extra_state_line(const ExtraStateRecord& state) {
  return fmt::format("  {{ name = {}, kind = {}, sha256 = \"{}\" }},\n", toml_string(state.name),
                     toml_string(state.kind), to_hex(state.sha256));
}

std::string outside_line(const OutsideRecord& tensor) {
  std::string numbers;
  for (const auto number : tensor.sketch) numbers += (numbers.empty() ? "" : ", ") + toml_number(number);
  const auto sketch = tensor.sketch.empty() ? "" : fmt::format(", sketch = [{}]", numbers);
  return fmt::format("  {{ name = {}, kind = {}, dtype = {}, shape = {}, sha256 = \"{}\", read = {}{} }},\n",
                     toml_string(tensor.name), toml_string(tensor.kind), toml_string(tensor.dtype),
                     toml_integers(tensor.shape), to_hex(tensor.sha256), tensor.read, sketch);
}

std::string text_table(std::string_view header, const std::map<std::string, std::string>& members) {
  if (members.empty()) return {};
  auto text = fmt::format("\n[{}]\n", header);
  for (const auto& [key, value] : members) text += fmt::format("{} = {}\n", toml_key(key), toml_string(value));
  return text;
}

std::string file_table(const FileRecord& file) {
  const auto frame =
      file.non_tensor_sha256 ? fmt::format("non_tensor_sha256 = \"{}\"\n", to_hex(*file.non_tensor_sha256)) : "";
  const auto module = file.module.empty() ? "" : fmt::format("module = {}\n", toml_string(file.module));
  const auto code = file.code_sha256 ? fmt::format("code_sha256 = \"{}\"\n", to_hex(*file.code_sha256)) : "";
  return fmt::format("\n[[model.file]]\nrole = {}\npath = {}\nbytes = {}\nsha256 = \"{}\"\n{}{}{}",
                     toml_string(to_string(file.role)), toml_string(file.path), file.bytes, to_hex(file.sha256), frame, module,
                     code) +
         text_table("model.file.values", file.values);
}

std::string initial_line(const InitialRecord& tensor) {
  return fmt::format(
      "  {{ name = {}, dtype = \"{}\", shape = {}, sha256 = \"{}\", repeatable = {}, answers = {} }},\n",
      toml_string(tensor.name), to_string(tensor.dtype), toml_integers(tensor.shape), to_hex(tensor.sha256),
      tensor.repeatable, tensor.answers);
}

std::string partial_lines(const ModelRecord& model) {
  std::string text;
  if (!model.allow_missing.empty()) text += fmt::format("allow_missing = {}\n", toml_strings(model.allow_missing));
  if (!model.allow_unexpected.empty())
    text += fmt::format("allow_unexpected = {}\n", toml_strings(model.allow_unexpected));
  if (model.initial.empty()) return text;
  text += "initial = [\n";
  for (const auto& tensor : model.initial) text += initial_line(tensor);
  return text + "]\n";
}

std::string model_table(const ModelRecord& model) {
  auto text = fmt::format("\n[model]\nbuilder = {}\nsource = {}\ncontainer = {}\nentry = {}\nremoved_segments = {}\n",
                          toml_string(to_string(model.builder)), toml_string(model.source),
                          toml_string(to_string(model.container)), toml_string(model.entry),
                          toml_strings(model.removed_segments));
  // Older versions warn about unknown keys, so write this key only if it is set.
  if (!model.path_options.empty()) text += fmt::format("path_options = {}\n", toml_strings(model.path_options));
  if (!model.locations.empty()) text += fmt::format("locations = {}\n", toml_strings(model.locations));
  text += partial_lines(model);
  text += "tensor = [\n";
  for (const auto& tensor : model.tensors) text += tensor_line(tensor);
  text += "]\n";
  if (!model.extra_states.empty()) {
    text += "extra_state = [\n";
    for (const auto& state : model.extra_states) text += extra_state_line(state);
    text += "]\n";
  }
  if (!model.outside.empty()) {
    text += "outside = [\n";
    for (const auto& tensor : model.outside) text += outside_line(tensor);
    text += "]\n";
  }
  for (const auto& file : model.files) text += file_table(file);
  if (model.embedded) {
    text += fmt::format("\n[model.embedded]\nbuilder = {}\n", toml_string(to_string(model.embedded->builder))) +
            text_table("model.embedded.options", model.embedded->options);
  }
  return text + text_table("model.options", model.options) + text_table("model.renamed", model.renamed) + text_table("model.configuration", model.configuration) +
         text_table("model.choices", model.choices);
}

std::string golden_tensor_line(const GoldenTensor& tensor) {
  const auto source = tensor.source.empty() ? "" : fmt::format(", source = {}", toml_string(tensor.source));
  const auto steps = tensor.preprocess.empty() ? "" : fmt::format(", preprocess = {}", toml_string(tensor.preprocess));
  return fmt::format("  {{ name = {}, dtype = \"{}\", shape = {}{}{} }},\n", toml_string(tensor.name),
                     to_string(tensor.dtype), toml_integers(tensor.shape), source, steps);
}

std::string noise_line(const NoiseRecord& noise) {
  return fmt::format("  {{ output = {}, response_rms = {}, rms_amplification = {}, max_amplification = {}, "
                     "linearity = {}, pure = {}{}{} }},\n",
                     toml_string(noise.output), toml_number(noise.response_rms), toml_number(noise.rms_amplification),
                     toml_number(noise.max_amplification), toml_number(noise.linearity), noise.pure, noise.native ? ", native = true" : "",
                     noise.bits ? fmt::format(", bits = {}", *noise.bits) : "");
}

std::string detection_line(const DetectionRecord& detections) {
  return fmt::format("  {{ outputs = {}, unsettled = {}, others = {}, ordered = {} }},\n",
                     toml_strings(detections.outputs), toml_integers(detections.unsettled), detections.others,
                     detections.ordered);
}

std::string batch_input_line(const BatchInput& input) {
  const auto dimension = input.dimension ? fmt::format(", dimension = {}", *input.dimension) : "";
  const auto pad = input.pad ? fmt::format(", pad = {}", toml_number(*input.pad)) : "";
  return fmt::format("  {{ name = {}{}{}{} }},\n", toml_string(input.name), dimension, pad,
                     input.made ? ", made = true" : "");
}

std::string batch_table(const BatchRecord& batch) {
  auto text = fmt::format("\n[batch]\nsize = {}\n{}{}input = [\n", batch.size,
                          batch.pad_left ? "pad_side = \"left\"\n" : "", batch.by_code ? "by_code = true\n" : "");
  for (const auto& input : batch.inputs) text += batch_input_line(input);
  return text + "]\n";
}

std::string batch_lines(const GoldenCase& golden) {
  if (golden.beside.empty()) return {};
  auto text = fmt::format("beside = {}\n", toml_strings(golden.beside));
  if (!golden.batch_layers.empty()) text += fmt::format("batch_layers = {}\n", toml_string(golden.batch_layers));
  text += "batch_output = [\n";
  for (const auto& output : golden.batch_outputs)
    text += fmt::format("  {{ name = {}, dimensions = {}{}{}{} }},\n", toml_string(output.name),
                        toml_integers(output.dimensions), output.in_list ? ", in_list = true" : "",
                        output.of_all ? ", of_all = true" : "",
                        output.added ? fmt::format(", added = {}", *output.added) : "");
  return text + "]\n";
}

std::string golden_table(const GoldenCase& golden) {
  auto text = fmt::format("\n[[golden]]\nname = {}\nrepeatable = {}\nprobes = {}\nseeds = {}\n",
                          toml_string(golden.name), golden.repeatable, golden.probes, toml_integers(golden.seeds));
  // Older versions warn about unknown keys, so write this key only if it is set.
  if (golden.device.type() != DeviceType::cpu) text += fmt::format("device = {}\n", toml_string(golden.device.text()));
  if (golden.layers != 0) text += fmt::format("layers = {}\n", golden.layers);
  if (golden.quick) text += "depth = \"quick\"\n";
  text += batch_lines(golden);
  text += "input = [\n";
  for (const auto& input : golden.inputs) text += golden_tensor_line(input);
  text += "]\noutput = [\n";
  for (const auto& output : golden.outputs) text += golden_tensor_line(output);
  text += "]\nnoise = [\n";
  for (const auto& noise : golden.noise) text += noise_line(noise);
  text += "]\n";
  if (!golden.random.empty()) {
    text += "random = [\n";
    for (const auto& output : golden.random) text += golden_tensor_line(output);
    text += "]\n";
  }
  if (golden.detections.empty()) return text;
  text += "detections = [\n";
  for (const auto& detections : golden.detections) text += detection_line(detections);
  return text + "]\n";
}

}  // namespace

std::string write_manifest(const Manifest& manifest) {
  auto text = seal_table(manifest) + model_table(manifest.model);
  if (manifest.batch) text += batch_table(*manifest.batch);
  for (const auto& golden : manifest.golden) text += golden_table(golden);
  text += environment_toml(manifest.environment);
  text = with_self_digest(std::move(text));
  if (text.size() <= k_max_toml_bytes) return text;
  throw Error(ErrorKind::unsupported, std::string(k_manifest_name),
              fmt::format("expected at most {} of manifest, which can be read again, found {}", format_bytes(k_max_toml_bytes),
                          format_bytes(text.size())),
              "name the network's tensors and outputs more shortly");
}

}  // namespace goldseal
