// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/answers/aligned_run.hpp>

#include <goldseal/golden/detections/detection_alignment.hpp>
#include <goldseal/golden/detections/detection_rows.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace goldseal {

std::vector<HostTensor> sealed_rows(const golden::GoldenTensors& sealed, const golden::SealedDetections& detections) {
  std::vector<HostTensor> rows;
  for (const auto& name : detections.outputs) {
    const auto output = std::ranges::find(
        sealed.outputs, name, [](const golden::GoldenOutput& other) -> const auto& { return other.native.name; });
    if (output != sealed.outputs.end()) rows.push_back(output->native);
  }
  return rows;
}

AlignedRun::AlignedRun(const golden::GoldenTensors& sealed, std::vector<HostTensor> outputs)
    : m_outputs(std::move(outputs)) {
  for (const auto& detections : sealed.detections) align(sealed, detections);
}

const HostTensor* AlignedRun::find(std::string_view name) const { return find_tensor(m_outputs, name); }

golden::GoldenOutput AlignedRun::binding(const golden::GoldenOutput& sealed) const {
  const auto rows = m_left_out.find(sealed.native.name);
  if (rows == m_left_out.end() || rows->second.empty()) return sealed;
  auto result = sealed;
  result.native = golden::without_rows(sealed.native, rows->second);
  if (sealed.reference) result.reference = golden::without_rows(*sealed.reference, rows->second);
  if (sealed.stable) result.stable = golden::without_rows(*sealed.stable, rows->second);
  return result;
}

void AlignedRun::align(const golden::GoldenTensors& sealed, const golden::SealedDetections& detections) {
  const auto found = golden::select(m_outputs, detections.outputs);
  const auto aligned = found ? golden::align_detections(sealed_rows(sealed, detections), *found) : std::nullopt;
  if (!aligned) return;
  auto left_out = detections.unsettled;
  for (std::size_t row = 0; row < aligned->rows.size(); ++row)
    if (!aligned->rows[row]) left_out.push_back(row);
  for (const auto& output : aligned->outputs) {
    *std::ranges::find(m_outputs, output.name, &HostTensor::name) = golden::without_rows(output, left_out);
    m_left_out[output.name] = left_out;
  }
}

}  // namespace goldseal
