// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>
#include <checks/golden/outputs.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace goldseal {
namespace {

constexpr std::string_view k_reduced =
    "; with reduced sensitivity: the network has no float64 path, so the noise was measured on native runs, and small "
    "changes of code or configuration pass unseen";

constexpr std::string_view k_quick =
    "; with reduced sensitivity: it was sealed at depth quick, so the noise was measured on native runs, and 1 % of "
    "faults, small changes of code or configuration, pass unseen";

// The size of an error names a precision only where nothing else is wrong: with another network it is chance.
std::string precision_clue(const OutputObservation& output) {
  if (output.noise.native || output.native->mask_mismatches > 0) return {};
  if (output.float64 && !golden::judge_float64(*output.float64, output.noise).pass) return {};
  return fmt::format("; the error is that of {}",
                     golden::to_string(golden::precision_at_work(output.native->rms_ratio)));
}

bool all_same_bits(const Observation& observed) {
  return std::ranges::all_of(observed.run.outputs, [](const OutputObservation& output) {
    return !output.native || output.native->same_bits.value_or(false);
  });
}

Finding judge_native_outputs(const Observation& observed, const CheckSettings& settings) {
  if (observed.run.outputs.empty()) return nothing_to_judge(observed);
  auto summary = judge_outputs(observed, &OutputObservation::native, [&](const OutputObservation& output) {
    return *judge(output, settings).native;
  });
  if (summary.judged == 0 && only_discrete(observed))
    return skipped("every output is of integers or bools: golden.discrete");
  if (summary.judged == 0) return undecided("no output was computed that could be judged");
  if (summary.worst == nullptr) {
    summary.detail.message =
        all_same_bits(observed)
            ? fmt::format("all {} outputs are bit for bit the sealed ones", summary.judged)
            : fmt::format("all {} outputs agree with the seal within the noise of rounding", summary.judged);
    if (any_without_float64(observed)) summary.detail.message += any_sealed_quick(observed) ? k_quick : k_reduced;
    return std::move(summary.detail);
  }
  const auto difference = tell_difference(summary);
  auto failure =
      failed(fmt::format("{} {}{}", output_name(*summary.worst), difference.phrase, precision_clue(*summary.worst)),
             difference.expected, difference.actual,
             "if golden.float64 passes, the machine computes at another precision or wrongly: compare the env.numerics "
             "findings; else mend what golden.float64 names");
  return with_evidence(std::move(failure), std::move(summary), observed, Compute::native);
}

}  // namespace

const Check k_golden_native{
    .id = "golden.native",
    .title = "The native answers agree",
    .explanation =
        "The model is run as it is and its outputs are compared with the sealed float64 ones, in units of a noise "
        "floor that was measured at capture by moving "
        "every weight and input by one rounding of float32. Sound machines reach 3 times that floor, the limit is 16, "
        "TF32 begins at 282. The size of the "
        "error names the precision at work.",
    .severity = Severity::required,
    .judge = judge_native_outputs,
};

}  // namespace goldseal
