// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/output_comparison.hpp>

#include <checks/tensors/tensor_finding.hpp>
#include <goldseal/golden/comparison.hpp>
#include <goldseal/golden/discrete.hpp>
#include <goldseal/golden/lanes.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

namespace goldseal {
namespace {

std::string structure_fault(const HostTensor* found, const HostTensor& sealed) {
  if (found == nullptr) return "the network did not give it";
  if (found->dtype != sealed.dtype)
    return fmt::format("expected {}, found {}", to_string(sealed.dtype), to_string(found->dtype));
  if (found->shape != sealed.shape)
    return fmt::format("expected shape {}, found {}", format_shape(sealed.shape), format_shape(found->shape));
  return {};
}

void compare_discrete(const golden::GoldenOutput& sealed, const HostTensor& native, const HostTensor* wide,
                      OutputObservation& observed) {
  observed.discrete = golden::judge_discrete(native, sealed.native, *sealed.stable);
  if (wide != nullptr) observed.discrete_shadow = golden::judge_discrete(*wide, sealed.native, *sealed.stable);
}

void compare_floating(const golden::GoldenOutput& sealed, const HostTensor& native, const HostTensor* wide,
                      OutputObservation& observed) {
  observed.noise = *sealed.noise;
  observed.native = golden::compare(native, *sealed.reference, *sealed.noise, &sealed.native);
  if (wide != nullptr) observed.shadow = golden::compare(*wide, *sealed.reference, *sealed.noise);
}

OutputObservation compare_output(const golden::GoldenOutput& sealed, const CaseResults& results) {
  OutputObservation observed;
  observed.golden_case = results.golden_case;
  observed.output = sealed.native.name;
  observed.native_dtype = sealed.native.dtype;
  const auto* const native = find_tensor(results.native, sealed.native.name);
  observed.structure = structure_fault(native, sealed.native);
  if (!observed.structure.empty()) return observed;
  if (const auto* const again = find_tensor(results.again, sealed.native.name))
    observed.repeat = golden::judge_repeat(*native, *again);
  const auto* const wide = find_tensor(results.float64, sealed.native.name);
  if (sealed.stable) compare_discrete(sealed, *native, wide, observed);
  if (sealed.reference && sealed.noise) compare_floating(sealed, *native, wide, observed);
  return observed;
}

bool is_sealed(const golden::GoldenTensors& sealed, const HostTensor& output) {
  return std::ranges::any_of(sealed.outputs, [&](const auto& other) { return other.native.name == output.name; });
}

}  // namespace

std::vector<OutputObservation> compare_outputs(const golden::GoldenTensors& sealed, const CaseResults& results) {
  std::vector<OutputObservation> compared;
  for (const auto& output : sealed.outputs) compared.push_back(compare_output(output, results));
  for (const auto& output : results.native) {
    if (is_sealed(sealed, output)) continue;
    OutputObservation observed;
    observed.golden_case = results.golden_case;
    observed.output = output.name;
    observed.structure = "the seal does not have it";
    compared.push_back(std::move(observed));
  }
  return compared;
}

std::optional<golden::LayerRun> differing_run(const Observation& observed, const std::string& golden_case) {
  if (!observed.loaded_tensors || !all_as_sealed(observed.sealed.model, digests_of(*observed.loaded_tensors)))
    return {};
  bool native_differs = false;
  for (const auto& output : observed.outputs) {
    if (output.golden_case != golden_case) continue;
    if (output.shadow && !golden::judge_shadow(*output.shadow, output.noise).pass) return golden::LayerRun::float64;
    native_differs = native_differs ||
                     (output.native && !golden::judge_native(*output.native, output.noise, output.native_dtype).pass);
  }
  return native_differs ? std::optional(golden::LayerRun::native) : std::nullopt;
}

double worst_severity(const golden::GoldenTensors& sealed, const std::vector<HostTensor>& native) {
  double worst = 0;
  for (const auto& output : sealed.outputs) {
    const auto* const found = find_tensor(native, output.native.name);
    if (!output.noise || found == nullptr) continue;
    const auto deviation = golden::compare(*found, *output.reference, *output.noise);
    const auto lane = golden::judge_native(deviation, *output.noise, output.native.dtype);
    const double severity = lane.pass ? lane.severity() : std::max(lane.severity(), 2.0);
    worst = std::max(worst, severity);
  }
  return worst;
}

}  // namespace goldseal
