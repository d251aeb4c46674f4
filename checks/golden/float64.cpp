// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>
#include <checks/golden/outputs.hpp>
#include <checks/model/choices.hpp>
#include <checks/model/state.hpp>
#include <checks/tensors/tensor_finding.hpp>

#include <fmt/format.h>

#include <utility>

namespace goldseal {
namespace {

// The decision table: with equal weights a float64 run can differ only because the network computes something else.
std::string cause(const Observation& observed, const CheckSettings& settings) {
  const bool as_sealed = all_loaded_as_sealed(observed.sealed.model, observed.run);
  if (const auto outside = told_outside(observed); !outside.empty() && as_sealed)
    return fmt::format("the weights are the sealed ones, but {}, which no state dict holds, differs: see model.state",
                       outside);
  if (const auto choices = differing_choices(observed, settings); !choices.empty() && as_sealed)
    return fmt::format("the weights are the sealed ones, but the code chooses {} otherwise: see model.configuration",
                       names_of_choices(choices));
  return as_sealed
             ? "the weights are the sealed ones, so the network computes something else: code, "
               "configuration or mode differs"
             : "the weights differ from the sealed ones, and the answers differ with them";
}

std::string remedy(const Observation& observed) {
  return all_loaded_as_sealed(observed.sealed.model, observed.run)
             ? "compare the network's description with the sealed one; model.configuration and file.architecture name what differs"
             : "mend the weights first: tensors.file and tensors.loaded name what differs";
}

Finding judge_float64_outputs(const Observation& observed, const CheckSettings& settings) {
  if (observed.run.outputs.empty()) return nothing_to_judge(observed);
  if (observed.run.depth == RunDepth::quick)
    return skipped(
        "not asked for (--depth quick): reduced sensitivity, small changes of code or configuration pass unseen");
  auto summary = judge_outputs(observed, &OutputObservation::float64, [&](const OutputObservation& output) {
    return *judge(output, settings).float64;
  });
  if (summary.judged == 0 && only_discrete(observed))
    return skipped("every output is of integers or bools: golden.discrete");
  if (summary.judged == 0 && any_without_float64(observed) && any_sealed_quick(observed))
    return skipped(
        "sealed at depth quick, without float64 answers: golden.native and the digests judge; of faults 1 % pass "
        "unseen, small changes of code or configuration and flipped bits of activations");
  if (summary.judged == 0 && any_without_float64(observed))
    return skipped("the network has no float64 path: golden.native and the digests judge, at reduced sensitivity");
  if (summary.judged == 0)
    return undecided(
        observed.run.without_float64.empty()
            ? "no output has a float64 run to be judged by"
            : fmt::format("no output has a float64 run to be judged by: {}", observed.run.without_float64),
        "rely on golden.native and the digests, at reduced sensitivity: the network cannot run in float64 here");
  if (summary.worst == nullptr && !observed.run.without_float64.empty())
    return undecided(
        fmt::format("not every float64 run was made: {}", observed.run.without_float64),
        "rely on golden.native and the digests, at reduced sensitivity: the network cannot run in float64 here");
  if (summary.worst == nullptr) {
    summary.detail.message = fmt::format("in float64, all {} outputs agree with the seal", summary.judged);
    return std::move(summary.detail);
  }
  const auto difference = tell_difference(summary);
  auto failure =
      failed(fmt::format("in float64, {} {}: {}", output_name(*summary.worst), difference.phrase, cause(observed, settings)),
             difference.expected, difference.actual, remedy(observed));
  return with_evidence(std::move(failure), std::move(summary), observed, Compute::float64);
}

}  // namespace

const Check k_golden_float64{
    .id = "golden.float64",
    .title = "The float64 answers agree",
    .explanation =
        "The model is run again with weights and inputs in float64 and compared with the float64 outputs in the seal. "
        "At that precision kernels, threads and "
        "libraries leave differences of a few 2^-29 of the model's own response to rounding, while the smallest change "
        "of a weight, of an epsilon or of the "
        "preprocessing stands out a thousandfold. This is the most sensitive check; it says nothing about the "
        "precision that the target computes in, "
        "which golden.native does.",
    .severity = Severity::fail,
    .judge = judge_float64_outputs,
};

}  // namespace goldseal
