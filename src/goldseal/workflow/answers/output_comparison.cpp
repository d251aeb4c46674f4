// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/answers/output_comparison.hpp>

#include <checks/golden/output_verdicts.hpp>
#include <checks/tensors/tensor_finding.hpp>
#include <goldseal/golden/compare/comparison.hpp>
#include <goldseal/golden/compare/discrete.hpp>
#include <goldseal/golden/compare/output_verdict.hpp>
#include <goldseal/golden/detections/detection_rows.hpp>
#include <goldseal/golden/detections/detection_verdict.hpp>
#include <goldseal/workflow/answers/aligned_run.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

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

// Another number of rows is another answer, not another network.
golden::RepeatVerdict repeats(const HostTensor& first, const HostTensor& again) {
  if (again.dtype == first.dtype && again.shape == first.shape) return golden::judge_repeat(first, again);
  return {false, std::max(first.numel(), again.numel()), {}};
}

void compare_discrete(const golden::GoldenOutput& sealed, const AlignedRun& native, const AlignedRun& wide,
                      OutputObservation& observed) {
  const auto& name = sealed.native.name;
  observed.discrete = golden::judge_discrete(*native.find(name), sealed.native, *native.binding(sealed).stable);
  if (const auto* const found = wide.find(name))
    observed.discrete_float64 = golden::judge_discrete(*found, sealed.native, *wide.binding(sealed).stable);
}

void compare_floating(const golden::GoldenOutput& sealed, const AlignedRun& native, const AlignedRun& wide,
                      OutputObservation& observed) {
  const auto& name = sealed.native.name;
  observed.noise = *sealed.noise;
  const auto binding = native.binding(sealed);
  observed.native = golden::compare(*native.find(name), *binding.reference, *sealed.noise, &binding.native);
  if (const auto* const found = wide.find(name))
    observed.float64 = golden::compare(*found, *wide.binding(sealed).reference, *sealed.noise);
}

OutputObservation compare_output(const golden::GoldenOutput& sealed, const CaseResults& results,
                                 const AlignedRun& native, const AlignedRun& wide) {
  OutputObservation observed;
  observed.golden_case = results.golden_case;
  observed.output = sealed.native.name;
  observed.structure = structure_fault(native.find(sealed.native.name), sealed.native);
  if (!observed.structure.empty()) return observed;
  const auto* const first = find_tensor(results.native, sealed.native.name);
  if (const auto* const again = find_tensor(results.again, sealed.native.name))
    observed.repeat = repeats(*first, *again);
  if (sealed.stable) compare_discrete(sealed, native, wide, observed);
  if (sealed.reference && sealed.noise) compare_floating(sealed, native, wide, observed);
  return observed;
}

bool is_sealed(const golden::GoldenTensors& sealed, const HostTensor& output) {
  return std::ranges::any_of(sealed.outputs, [&](const auto& other) { return other.native.name == output.name; }) ||
         std::ranges::any_of(sealed.random, [&](const auto& other) { return other.name == output.name; });
}

// The severity of what has no ratio.
constexpr double k_fails = 2;

double severity_of(const golden::OutputVerdict& lane) { return std::max(lane.severity(), lane.pass ? 0.0 : k_fails); }

double worst_native(const golden::GoldenTensors& sealed, const CaseResults& results, const Policy& policy) {
  double worst = 0;
  for (const auto& output : compare_outputs(sealed, results)) {
    if (!output.structure.empty() || (output.discrete && !output.discrete->pass)) worst = std::max(worst, k_fails);
    if (!output.native) continue;
    worst = std::max(worst, severity_of(*judge(output, policy).native));
  }
  return worst;
}

double worst_float64(const golden::GoldenTensors& sealed, const std::vector<HostTensor>& outputs) {
  const AlignedRun wide(sealed, outputs);
  double worst = 0;
  for (const auto& output : sealed.outputs) {
    const auto* const found = wide.find(output.native.name);
    if (found == nullptr || found->shape != output.native.shape) return k_fails;
    const auto binding = wide.binding(output);
    if (output.stable && !golden::judge_discrete(*found, output.native, *binding.stable).pass)
      worst = std::max(worst, k_fails);
    if (!output.reference || !output.noise) continue;
    const auto deviation = golden::compare(*found, *binding.reference, *output.noise);
    worst = std::max(worst, severity_of(golden::judge_float64(deviation, *output.noise)));
  }
  return worst;
}

}  // namespace

std::vector<OutputObservation> compare_outputs(const golden::GoldenTensors& sealed, const CaseResults& results) {
  std::vector<OutputObservation> compared;
  const AlignedRun native(sealed, results.native);
  const AlignedRun wide(sealed, results.float64);
  for (const auto& output : sealed.outputs) compared.push_back(compare_output(output, results, native, wide));
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

std::vector<DetectionObservation> compare_detections(const golden::GoldenTensors& sealed, const CaseResults& results) {
  std::vector<DetectionObservation> compared;
  for (const auto& detections : sealed.detections) {
    const auto rows = sealed_rows(sealed, detections);
    for (const auto& [run, outputs] :
         {std::pair(Compute::native, &results.native), std::pair(Compute::float64, &results.float64)}) {
      const auto found = golden::select(*outputs, detections.outputs);
      const auto aligned = found ? golden::align_detections(rows, *found) : std::nullopt;
      // golden.structure reports outputs that are missing or of another form.
      if (!aligned) continue;
      compared.push_back({.golden_case = results.golden_case,
                          .outputs = fmt::format("{}", fmt::join(detections.outputs, ", ")),
                          .run = run,
                          .verdict = golden::judge_detections(detections, rows, *found, *aligned)});
    }
  }
  return compared;
}

std::optional<Compute> differing_run(const ModelRecord& sealed, const RunFindings& run, const CaseOnDevice& where,
                                     const Policy& policy) {
  if (!all_loaded_as_sealed(sealed, run)) return {};
  bool native_differs = false;
  for (const auto& output : run.outputs) {
    if (!where.holds(output)) continue;
    const auto verdicts = judge(output, policy);
    if (!verdicts.float64_agrees()) return Compute::float64;
    native_differs = native_differs || !verdicts.native_agrees();
  }
  return native_differs ? std::optional(Compute::native) : std::nullopt;
}

bool native_alone_differs(const RunFindings& run, const CaseOnDevice& where, const Policy& policy) {
  bool differs = false;
  for (const auto& output : run.outputs) {
    if (!where.holds(output) || !output.native) continue;
    if (!output.float64 && !output.noise.native) continue;
    const auto verdicts = judge(output, policy);
    if (!verdicts.float64_agrees()) return false;
    differs = differs || !verdicts.native_agrees();
  }
  return differs;
}

double worst_severity(const golden::GoldenTensors& sealed, const std::vector<HostTensor>& outputs, Compute run,
                      const Policy& policy) {
  CaseResults results;
  results.golden_case = sealed.name;
  (run == Compute::native ? results.native : results.float64) = outputs;
  double worst = 0;
  for (const auto& found : compare_detections(sealed, results))
    if (!found.verdict.pass()) worst = k_fails;
  return std::max(worst, run == Compute::native ? worst_native(sealed, results, policy) : worst_float64(sealed, outputs));
}

}  // namespace goldseal
