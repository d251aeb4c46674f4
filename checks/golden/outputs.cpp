// SPDX-License-Identifier: Apache-2.0
#include <checks/golden/outputs.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace goldseal {
namespace {

// The row of one output in one lane, and its two ratios among the measurements.
void add_lane(Finding& finding, const OutputObservation& output, const golden::Deviation& deviation,
              const golden::LaneVerdict& lane) {
  const auto name = output_name(output);
  if (finding.tables.empty()) {
    finding.tables.push_back(
        {"outputs", {"output", "error/noise", "limit", "worst element", "expected", "found", "ulp", "cosine"}, {}});
  }
  const auto& worst = deviation.worst;
  finding.tables.front().rows.push_back(
      {name, fmt::format("{:.3g}", lane.diffuse), fmt::format("{:.3g}", lane.diffuse_limit),
       worst.index.empty() ? "none" : format_index(worst.index), fmt::format("{:.6g}", worst.expected),
       fmt::format("{:.6g}", worst.found), fmt::format("{:.3g}", deviation.worst_ulp),
       deviation.cosine ? fmt::format("{:.6f}", *deviation.cosine) : "none"});
  finding.measurements.push_back({name + ".diffuse", lane.diffuse, lane.diffuse_limit, "noise"});
  finding.measurements.push_back({name + ".local", lane.local, lane.local_limit, "noise"});
  finding.measurements.push_back({name + ".max-abs", deviation.max_abs, std::nullopt, ""});
  finding.measurements.push_back({name + ".rms", deviation.rms, std::nullopt, ""});
}

}  // namespace

std::string output_name(const OutputObservation& output) {
  return run_name(fmt::format("{}/{}", output.golden_case, output.output), output.device);
}

bool sealed_as_repeatable(const Observation& observed, const std::string& golden_case) {
  for (const auto& golden : observed.sealed.golden) {
    if (golden.name == golden_case) return golden.repeatable;
  }
  return false;
}

std::string format_index(const std::vector<std::int64_t>& index) { return fmt::format("({})", fmt::join(index, ", ")); }

Finding nothing_to_judge(const Observation& observed) {
  if (!observed.with_model) return skipped("the model was not to be run");
  return skipped("the model gave no outputs");
}

bool only_discrete(const Observation& observed) {
  return std::ranges::all_of(observed.outputs,
                             [](const OutputObservation& output) { return output.discrete.has_value(); });
}

bool any_without_float64(const Observation& observed) {
  return std::ranges::any_of(observed.outputs, [](const OutputObservation& output) { return output.noise.native; });
}

golden::LaneVerdict native_lane(const OutputObservation& output, int permitted_bits) {
  const auto own = golden::judge_native(*output.native, output.noise, output.native_dtype);
  const auto significant = golden::significant_bits(output.native_dtype);
  if (own.pass || permitted_bits >= significant || output.noise.native) return own;
  return golden::judge_native_policy(*output.native, output.noise, permitted_bits);
}

LaneSummary judge_lanes(const Observation& observed, std::optional<golden::Deviation> OutputObservation::*run,
                        const std::function<golden::LaneVerdict(const OutputObservation&)>& judge) {
  LaneSummary lanes;
  for (const auto& output : observed.outputs) {
    if (!(output.*run)) continue;
    ++lanes.judged;
    const auto verdict = judge(output);
    add_lane(lanes.detail, output, *(output.*run), verdict);
    if (verdict.pass || (lanes.worst != nullptr && verdict.severity() <= lanes.verdict.severity())) continue;
    lanes.worst = &output;
    lanes.verdict = verdict;
  }
  return lanes;
}

Finding with_detail(Finding failure, LaneSummary lanes) {
  failure.tables = std::move(lanes.detail.tables);
  failure.measurements = std::move(lanes.detail.measurements);
  return failure;
}

}  // namespace goldseal
