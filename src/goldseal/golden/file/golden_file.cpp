// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/file/golden_file.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/checkpoint/write/safetensors_writer.hpp>
#include <goldseal/golden/tensors/constants.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <utility>

namespace goldseal::golden {
namespace {

constexpr std::string_view k_traces = "weights/trace";

std::string place(std::string_view golden, std::string_view part, std::string_view name) {
  return fmt::format("{}/{}/{}", golden, part, name);
}

// Gathers tensors for the writer, which borrows their bytes.
class StridedReader {
 public:
  void add(std::string name, const HostTensor& tensor) {
    m_tensors.push_back({std::move(name), tensor.dtype, tensor.shape, tensor.bytes});
  }
  void add_output(const std::string& golden, const GoldenOutput& output) {
    const auto& name = output.native.name;
    add(place(golden, "output", name), output.native);
    if (output.reference) add(place(golden, "reference", name), *output.reference);
    if (output.stable) add(place(golden, "stable", name), *output.stable);
    if (!output.noise) return;
    const auto& noise = *output.noise;
    add(place(golden, "noise", name), noise.codes);
    m_scales.push_back(make_tensor("", DType::float64, {3}, std::vector<double>{noise.floor, noise.base, noise.step}));
    add(place(golden, "noise_scale", name), m_scales.back());
  }
  void add_layers(const std::string& golden, std::span<const SealedLayer> layers) {
    for (auto& tensor : pack_sealed_layers(layers)) {
      m_scales.push_back(std::move(tensor));
      add(place(golden, "layers", m_scales.back().name), m_scales.back());
    }
  }
  [[nodiscard]] std::string write() const { return write_safetensors(m_tensors); }

 private:
  std::vector<TensorToWrite> m_tensors;
  std::vector<HostTensor> m_scales;  // each shares its bytes, so the vector may grow
};

class Picker {
 public:
  Picker(std::string file, std::vector<HostTensor> tensors) : m_file(std::move(file)), m_tensors(std::move(tensors)) {}

  // The tensor at a place, under its own name.
  [[nodiscard]] HostTensor pick(const std::string& golden, std::string_view part, const std::string& name, DType dtype,
                                const std::vector<std::int64_t>& shape) const {
    const auto at = place(golden, part, name);
    const auto* const tensor = find_tensor(m_tensors, at);
    if (tensor == nullptr) throw damaged(fmt::format("expected the tensor '{}', found none", at));
    if (tensor->dtype != dtype || tensor->shape != shape) {
      throw damaged(fmt::format("expected '{}' as {} {}, found {} {}", at, to_string(dtype), format_shape(shape),
                                to_string(tensor->dtype), format_shape(tensor->shape)));
    }
    auto result = *tensor;
    result.name = name;
    return result;
  }
  // All tensors of a part, under their own names.
  [[nodiscard]] std::vector<HostTensor> pick_all(const std::string& golden, std::string_view part) const {
    const auto prefix = place(golden, part, "");
    std::vector<HostTensor> found;
    for (const auto& tensor : m_tensors) {
      if (!tensor.name.starts_with(prefix)) continue;
      found.push_back(tensor);
      found.back().name = tensor.name.substr(prefix.size());
    }
    return found;
  }
  [[nodiscard]] Error damaged(std::string message) const {
    return {ErrorKind::malformed, m_file, std::move(message),
            "the seal is damaged or mixed with another: copy it again from where it was captured"};
  }

 private:
  std::string m_file;
  std::vector<HostTensor> m_tensors;
};

NoiseFloor pick_noise(const Picker& picker, const std::string& golden, const NoiseRecord& record,
                      const GoldenTensor& output) {
  NoiseFloor noise;
  noise.codes = picker.pick(golden, "noise", output.name, DType::uint8, output.shape);
  std::array<double, 3> scale{};
  copy_as_double(picker.pick(golden, "noise_scale", output.name, DType::float64, {3}), 0, scale);
  noise.floor = scale[0];
  noise.base = scale[1];
  noise.step = scale[2];
  noise.response_rms = record.response_rms;
  noise.rms_amplification = record.rms_amplification;
  noise.max_amplification = record.max_amplification;
  noise.linearity = record.linearity;
  noise.native = record.native;
  noise.bits = static_cast<int>(record.bits.value_or(significant_bits(output.dtype)));
  return noise;
}

// The manifest says whether there is a reference: a file without it must not make a check vanish.
GoldenOutput pick_output(const Picker& picker, const GoldenCase& golden, const GoldenTensor& output) {
  GoldenOutput result;
  result.native = picker.pick(golden.name, "output", output.name, output.dtype, output.shape);
  const auto record = std::ranges::find(golden.noise, output.name, &NoiseRecord::output);
  if (record == golden.noise.end()) {
    if (!is_floating(output.dtype)) {
      result.stable = picker.pick(golden.name, "stable", output.name, DType::uint8, output.shape);
    }
    return result;
  }
  result.reference = picker.pick(golden.name, "reference", output.name, DType::float64, output.shape);
  result.noise = pick_noise(picker, golden.name, *record, output);
  return result;
}

SealedDetections pick_detections(const Picker& picker, const GoldenCase& golden, const DetectionRecord& record) {
  SealedDetections detections{record.outputs, {}, {}, record.ordered};
  if (record.outputs.empty()) throw picker.damaged("expected detections to name their outputs, found none");
  if (std::ranges::adjacent_find(record.unsettled, std::ranges::greater_equal{}) != record.unsettled.end())
    throw picker.damaged("expected the unsettled rows in ascending order, found another");
  std::optional<std::int64_t> rows;
  for (const auto& name : record.outputs) {
    const auto output = std::ranges::find(golden.outputs, name, &GoldenTensor::name);
    if (output == golden.outputs.end() || output->shape.empty())
      throw picker.damaged(fmt::format("expected the output '{}' with rows, found none", name));
    if (!rows) rows = output->shape.front();
    if (*rows < 1 || *rows > k_most_rows || output->shape.front() != *rows) {
      throw picker.damaged(fmt::format("expected 1 to {} rows, in '{}' as many as in '{}', found {}", k_most_rows, name,
                                       record.outputs.front(), output->shape.front()));
    }
    for (const auto row : record.unsettled) {
      if (row >= 0 && row < output->shape.front()) continue;
      throw picker.damaged(fmt::format("expected rows of '{}' up to {}, found {}", name, output->shape.front(), row));
    }
    auto shape = output->shape;
    shape.front() = record.others;
    if (record.others > 0) detections.others.push_back(picker.pick(golden.name, "others", name, output->dtype, shape));
  }
  detections.unsettled.assign(record.unsettled.begin(), record.unsettled.end());
  return detections;
}

std::vector<SealedLayer> pick_layers(const Picker& picker, const GoldenCase& golden) {
  auto layers = unpack_sealed_layers(picker.pick_all(golden.name, "layers"));
  if (static_cast<std::int64_t>(layers.size()) != golden.layers)
    throw picker.damaged(fmt::format("expected {} layers, found {}", golden.layers, layers.size()));
  return layers;
}

}  // namespace

int layer_bits(const GoldenTensors& golden) {
  int bits = k_bits_float32;
  for (const auto& output : golden.outputs) {
    if (output.noise && output.noise->native) return k_bits_float32;
    bits = std::min(bits, output.noise ? output.noise->bits : significant_bits(output.native.dtype));
  }
  return bits;
}

std::string write_golden(std::span<const GoldenTensors> cases, std::span<const WeightFingerprint> traces) {
  StridedReader gatherer;
  for (const auto& golden : cases) {
    for (const auto& input : golden.inputs) gatherer.add(place(golden.name, "input", input.name), input);
    for (const auto& file : golden.encoded) gatherer.add(place(golden.name, "encoded", file.name), file);
    for (const auto& output : golden.outputs) gatherer.add_output(golden.name, output);
    for (const auto& detections : golden.detections)
      for (const auto& rows : detections.others) gatherer.add(place(golden.name, "others", rows.name), rows);
    if (!golden.layers.empty()) gatherer.add_layers(golden.name, golden.layers);
  }
  if (traces.empty()) return gatherer.write();
  const auto packed = pack_traces(traces);
  gatherer.add(std::string(k_traces), packed);
  return gatherer.write();
}

std::vector<WeightFingerprint> read_fingerprints(const std::shared_ptr<const MappedFile>& file) {
  const auto tensors = read_tensors(file);
  const auto* const packed = find_tensor(tensors, k_traces);
  return packed == nullptr ? std::vector<WeightFingerprint>{} : unpack_traces(*packed);
}

GoldenCase describe(const GoldenTensors& golden, std::span<const InputOrigin> origins) {
  GoldenCase result;
  result.name = golden.name;
  result.layers = static_cast<std::int64_t>(golden.layers.size());
  for (std::size_t i = 0; i < golden.inputs.size(); ++i) {
    const auto& input = golden.inputs[i];
    result.inputs.push_back({input.name, input.dtype, input.shape, "", ""});
    if (i < origins.size()) result.inputs.back().source = origins[i].source;
    if (i < origins.size()) result.inputs.back().preprocess = origins[i].preprocess;
  }
  for (const auto& output : golden.outputs) {
    result.outputs.push_back({output.native.name, output.native.dtype, output.native.shape, {}});
    if (output.noise) result.noise.push_back(to_record(*output.noise, output.native.name));
  }
  result.random = golden.random;
  for (const auto& detections : golden.detections) {
    const auto others = detections.others.empty() ? 0 : detections.others.front().shape.front();
    result.detections.push_back(
        {detections.outputs, {detections.unsettled.begin(), detections.unsettled.end()}, others, detections.ordered});
  }
  return result;
}

std::vector<GoldenTensors> read_golden(const std::filesystem::path& path, std::span<const GoldenCase> cases) {
  return read_golden(std::make_shared<const MappedFile>(path), cases);
}

std::vector<GoldenTensors> read_golden(const std::shared_ptr<const MappedFile>& file,
                                       std::span<const GoldenCase> cases) {
  const Picker picker(file->path().string(), read_tensors(file));
  std::vector<GoldenTensors> result;
  for (const auto& golden : cases) {
    GoldenTensors tensors;
    tensors.name = golden.name;
    for (const auto& input : golden.inputs) {
      tensors.inputs.push_back(picker.pick(golden.name, "input", input.name, input.dtype, input.shape));
    }
    for (const auto& output : golden.outputs) tensors.outputs.push_back(pick_output(picker, golden, output));
    for (const auto& record : golden.detections) tensors.detections.push_back(pick_detections(picker, golden, record));
    tensors.random = golden.random;
    tensors.encoded = picker.pick_all(golden.name, "encoded");
    if (golden.layers > 0) tensors.layers = pick_layers(picker, golden);
    result.push_back(std::move(tensors));
  }
  return result;
}

}  // namespace goldseal::golden
