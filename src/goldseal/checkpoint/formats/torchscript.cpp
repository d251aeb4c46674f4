// SPDX-License-Identifier: Apache-2.0
// A TorchScript archive (torch/csrc/jit/serialization/export_module.cpp), as records of a zip archive:
//
//   data.pkl, data/N                 the module: its attributes, classes under `__torch__`, tensors in storages
//   constants.pkl, constants/N       tensors that the code refers to, a frozen module's weights among them
//   code/…                           the program and its debug tables, compressed; never run here
//   extra/…                          what the user gave with _extra_files
//   version, byteorder, …            as torch.save writes them
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/formats/readers.hpp>
#include <goldseal/checkpoint/state_dict/archive_records.hpp>
#include <goldseal/checkpoint/state_dict/state_dict.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

namespace goldseal {
namespace {

/// Tracing and freezing write the device of that day into the program, and it is asked for wherever the file is loaded.
void note_frozen_devices(const ZipArchive& archive, Checkpoint& checkpoint) {
  constexpr std::string_view k_device = "torch.device(\"cuda";
  for (const auto& entry : archive.entries) {
    if (!entry.name.ends_with(".py") || archive.unpack(entry).find(k_device) == std::string::npos) continue;
    checkpoint.notes.push_back(
        {"torchscript.frozen-device",
         fmt::format("the program names a CUDA device in {}: export it again on the device it will run on",
                     escape_unprintable(entry.name))});
    return;
  }
}

/// torch.jit.optimize_for_inference puts oneDNN's own layouts into the program, which PyTorch writes without their
/// values: no build can read it back.
void judge_optimized(const ZipArchive& archive, const OpenOptions& options, Checkpoint& checkpoint) {
  for (const auto& entry : archive.entries) {
    if (!entry.name.ends_with(".py") || archive.unpack(entry).find("ConstantMKLDNNTensor") == std::string::npos)
      continue;
    const std::string message =
        "the archive was saved after torch.jit.optimize_for_inference: weights became oneDNN constants, which "
        "PyTorch saves without their values and cannot load (\"required keyword attribute 'value' is undefined\")";
    const std::string remedy = "export the module before optimize_for_inference, and call it after loading";
    if (!options.show_all) throw Error(ErrorKind::unsupported, archive.file, message, remedy);
    checkpoint.notes.push_back({"torchscript.optimized", message + "; " + remedy});
    return;
  }
}

/// What a call in the text of a program is given, from behind its parenthesis on: `a, f(b, c), True`.
std::vector<std::string_view> arguments_at(std::string_view text) {
  std::vector<std::string_view> arguments;
  std::size_t begin = 0;
  std::size_t depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '(' || c == '[') ++depth;
    const bool closes = (c == ')' || c == ']') && depth == 0;
    if ((c == ')' || c == ']') && depth > 0) --depth;
    if (!closes && (c != ',' || depth > 0)) continue;
    const auto first = std::min(text.find_first_not_of(" \n", begin), i);
    arguments.push_back(text.substr(first, i - first));
    if (closes) return arguments;
    begin = i + 1;
  }
  return arguments;
}

/// An operator whose literal argument `True` says that it trains.
struct Trains {
  std::string_view call;
  std::size_t flag;
  std::string_view does;
};

bool is_training_call(std::string_view code, std::size_t at, const Trains& operation) {
  constexpr std::size_t k_running_mean = 3;
  constexpr std::size_t k_longest = 4096;  // of a call; another one's text may be as long as the file
  const auto arguments = arguments_at(code.substr(at + operation.call.size(), k_longest));
  if (arguments.size() <= operation.flag || arguments[operation.flag] != "True") return false;
  // Without running statistics it takes those of the batch in evaluation too.
  return operation.flag <= k_running_mean || arguments[k_running_mean] != "None";
}

/// Tracing writes the mode of that day into the program: eval() after loading finds nothing to change.
void note_training_mode(const ZipArchive& archive, Checkpoint& checkpoint) {
  constexpr std::array k_operations{
      Trains{"torch.batch_norm(", 5, "batch_norm takes the statistics of each batch in place of the saved ones"},
      Trains{"torch.dropout(", 2, "dropout drops at random"},
      Trains{"torch.feature_dropout(", 2, "feature_dropout drops at random"}};
  for (const auto& entry : archive.entries) {
    if (!entry.name.ends_with(".py")) continue;
    const auto code = archive.unpack(entry);
    for (const auto& operation : k_operations) {
      for (auto at = code.find(operation.call); at != std::string::npos; at = code.find(operation.call, at + 1)) {
        if (!is_training_call(code, at, operation)) continue;
        checkpoint.notes.push_back(
            {"torchscript.training-mode",
             fmt::format("the archive was traced in training mode: {} ({}), and eval() after loading does not change it: call "
                         "eval() before torch.jit.trace, and trace again",
                         operation.does, escape_unprintable(entry.name))});
        return;
      }
    }
  }
}

void note_frozen(std::size_t module_tensors, Checkpoint& checkpoint) {
  const auto constants = checkpoint.tensors.size() - module_tensors;
  if (module_tensors > 0 || constants == 0) return;
  checkpoint.notes.push_back(
      {"torchscript.frozen",
       fmt::format("the archive is frozen (torch.jit.freeze): its weights are {} constants of the code, `constants.0` and "
                   "on. It can be sealed as it is; no other checkpoint can be loaded into it: for that, export it unfrozen",
                   constants)});
}

bool packs_weights(const pickle::Document& module) {
  return std::ranges::any_of(module.globals(), [](const pickle::Global& global) {
    return global.module == "__torch__.torch.classes.quantized";
  });
}

}  // namespace

Checkpoint read_torchscript(std::shared_ptr<const MappedFile> file, ZipArchive archive, const OpenOptions& options) {
  constexpr std::array<std::string_view, 2> k_expected{"code/", "extra/"};
  Checkpoint checkpoint;
  ArchiveRecords records(std::move(file), std::move(archive), Container::Kind::torchscript, checkpoint);
  const pickle::Rules rules{.torchscript = true};
  std::string where;
  const auto module = records.pickle("data.pkl", rules, where);
  pickle::read_module_state(
      module, where, [&](const auto& id) { return records.storage("data", id); }, checkpoint);
  const auto module_tensors = checkpoint.tensors.size();
  checkpoint.packed_weights = packs_weights(module);
  const auto constants = records.pickle("constants.pkl", rules, where);
  const auto find = [&](const pickle::StorageId& id) { return records.storage("constants", id); };
  pickle::read_tensor_tuple(constants, where, find, "constants", checkpoint);
  records.finish(k_expected);
  note_frozen_devices(records.archive(), checkpoint);
  note_training_mode(records.archive(), checkpoint);
  judge_optimized(records.archive(), options, checkpoint);
  note_frozen(module_tensors, checkpoint);
  return checkpoint;
}

}  // namespace goldseal
