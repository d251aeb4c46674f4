// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>
#include <checks/golden/outputs.hpp>

#include <fmt/format.h>

namespace goldseal {
namespace {

bool digests_hold(const Observation& observed) {
  if (!observed.loaded_tensors) return false;
  std::map<std::string, Digest> found;
  for (const auto& tensor : *observed.loaded_tensors) found.emplace(tensor.name, tensor.sha256);
  for (const auto& tensor : observed.sealed.model.tensors) {
    const auto here = found.find(tensor.name);
    if (here == found.end() || here->second != tensor.sha256) return false;
  }
  return true;
}

// The decision table: with equal weights a float64 run can differ only because the network computes something else.
std::string cause(const Observation& observed) {
  return digests_hold(observed) ? "the weights are the sealed ones, so the network computes something else: code, "
                                  "configuration or mode differs"
                                : "the weights differ from the sealed ones, and this is what it does to the answers";
}

Finding judge_shadow_outputs(const Observation& observed, const CheckSettings&) {
  if (observed.outputs.empty()) return nothing_to_judge(observed);
  if (observed.quick)
    return skipped(
        "not asked for (--depth quick): reduced sensitivity, small changes of code or configuration pass unseen");
  Finding finding;
  const OutputObservation* worst = nullptr;
  golden::LaneVerdict worst_lane;
  std::size_t judged = 0;
  for (const auto& output : observed.outputs) {
    if (!output.shadow) continue;
    ++judged;
    const auto lane = golden::judge_shadow(*output.shadow, output.noise);
    add_lane(finding, output, *output.shadow, lane);
    if (!lane.pass && (worst == nullptr || lane.severity() > worst_lane.severity())) {
      worst = &output;
      worst_lane = lane;
    }
  }
  if (judged == 0 && only_discrete(observed)) return skipped("every output is of integers or bools: golden.discrete");
  if (judged == 0)
    return undecided("no output has a float64 run to be judged by",
                     "the network cannot run in float64 here: N and D judge alone, at reduced sensitivity");
  if (worst == nullptr) {
    finding.message = fmt::format("in float64, all {} outputs agree with the seal", judged);
    return finding;
  }
  auto failure = failed(
      fmt::format("in float64, {} differs from the seal by {:.3g} times what rounding can explain: {}",
                  output_name(*worst), worst_lane.severity(), cause(observed)),
      fmt::format("error/noise at most {:.3g}", worst_lane.diffuse_limit), fmt::format("{:.3g}", worst_lane.diffuse),
      "compare the network's description with the sealed one; model.configuration and file.architecture name what "
      "differs");
  failure.tables = std::move(finding.tables);
  failure.measurements = std::move(finding.measurements);
  return failure;
}

}  // namespace

const Check k_golden_shadow{
    .id = "golden.shadow",
    .title = "The float64 answers agree (S)",
    .explanation =
        "The model is run again with weights and inputs in float64 and compared with the float64 outputs in the seal. "
        "At that precision kernels, threads and "
        "libraries leave differences of a few 2^-29 of the model's own response to rounding, while the smallest change "
        "of a weight, of an epsilon or of the "
        "preprocessing stands out a thousandfold. This is the most sensitive check; it says nothing about the "
        "precision that the target computes in, "
        "which golden.native does.",
    .severity = Severity::fail,
    .judge = judge_shadow_outputs,
};

}  // namespace goldseal
