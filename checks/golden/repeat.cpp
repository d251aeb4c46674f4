// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>
#include <checks/golden/outputs.hpp>

#include <fmt/format.h>

namespace goldseal {
namespace {

Finding judge_repetition(const Observation& observed, const CheckSettings&) {
  if (observed.run.outputs.empty()) return nothing_to_judge(observed);
  if (observed.run.depth == RunDepth::quick) return skipped("not asked for (--depth quick)");
  std::size_t judged = 0;
  for (const auto& output : observed.run.outputs) {
    if (!output.repeat || !sealed_as_repeatable(observed, output.golden_case)) continue;
    ++judged;
    if (output.repeat->equal) continue;
    return failed(
        fmt::format("two runs of {} on this machine do not agree", output_name(output)),
        "the same bits twice, as at capture",
        fmt::format("{} elements differ, first {}", output.repeat->differing, format_index(output.repeat->first.index)),
        "the machine does not agree with itself: suspect the hardware, or a non-deterministic kernel (see "
        "env.numerics)");
  }
  if (judged == 0) return skipped("the model did not repeat its answers bit for bit at capture either");
  return passed("a second run gave the same bits");
}

}  // namespace

const Check k_golden_repeat{
    .id = "golden.repeat",
    .title = "The machine agrees with itself",
    .explanation =
        "The native run is made twice and compared bit by bit, if the model did so at capture. A difference points at "
        "the hardware or at kernels that are not "
        "deterministic.",
    .severity = Severity::fail,
    .judge = judge_repetition,
};

}  // namespace goldseal
