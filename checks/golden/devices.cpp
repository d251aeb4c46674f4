// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>
#include <checks/golden/outputs.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

namespace goldseal {
namespace {

bool agrees(const Observation& observed, const OutputObservation& output, const CheckSettings& settings) {
  if (output.repeat && !output.repeat->equal && sealed_as_repeatable(observed, output.golden_case)) return false;
  return agrees(output, settings);
}

bool agrees(const Observation& observed, const Device& device, const CheckSettings& settings) {
  const auto of_device = [&](const auto& observation) { return observation.device == device; };
  const auto finds_others = [&](const DetectionObservation& found) {
    return of_device(found) && !found.verdict.pass();
  };
  if (std::ranges::any_of(observed.run.detections, finds_others)) return false;
  return std::ranges::any_of(observed.run.outputs, of_device) &&
         std::ranges::all_of(observed.run.outputs, [&](const OutputObservation& output) {
           return !of_device(output) || agrees(observed, output, settings);
         });
}

Finding judge_devices(const Observation& observed, const CheckSettings& settings) {
  if (!observed.run.device || observed.run.device->used.size() < 2) return skipped("the model ran on one device");
  if (observed.run.outputs.empty()) return nothing_to_judge(observed);
  const auto& devices = observed.run.device->used;
  std::vector<Device> odd;
  for (const auto& device : devices) {
    if (!agrees(observed, device, settings)) odd.push_back(device);
  }
  if (odd.empty()) return passed(fmt::format("all {} GPUs give the sealed answers", devices.size()));
  if (odd.size() == devices.size())
    return skipped("no GPU gives the sealed answers, so no single GPU stands out: see the other findings");
  return failed(
      fmt::format("{} of {} GPUs does not give the sealed answers, and the others do: {}", odd.size(), devices.size(),
                  fmt::join(odd, ", ")),
      "the sealed answers on every GPU", fmt::format("{}", fmt::join(odd, ", ")),
      "the software is the same for all, so suspect that GPU: nvidia-smi -q -d ECC, then dcgmi diag -r 3; take "
      "it out of service until it passes");
}

}  // namespace

const Check k_golden_devices{
    .id = "golden.devices",
    .title = "Every GPU gives the same answers",
    .explanation =
        "With --device all the model is run on every GPU in a process of its own. A GPU that alone fails, or cannot "
        "run "
        "the model at all, is named: its memory, its cooling or its connection is at fault, not the model.",
    .severity = Severity::fail,
    .judge = judge_devices,
};

}  // namespace goldseal
