// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace goldseal {
namespace {

bool rounds_in_float64(const NoiseRecord& noise) { return !noise.native && !noise.pure; }

// The objection that decides: the first that refuses, else the first of all.
const golden::Objection* gravest(const std::vector<golden::Objection>& objections) {
  if (objections.empty()) return nullptr;
  const auto refuses = std::ranges::find(objections, true, &golden::Objection::refuse);
  return refuses == objections.end() ? &objections.front() : &*refuses;
}

Table table_of(const std::vector<golden::Objection>& objections, const golden::Objection* last) {
  Table table{"objections", {"output", "objection", "what to do"}, {}};
  for (const auto& objection : objections) {
    table.rows.push_back({objection.output, objection.message, objection.remedy});
    if (objection.refuse && &objection == last) break;
  }
  return table;
}

Finding judge_case(const Observation& observed, const CheckSettings&) {
  const auto& capture = observed.capture;
  if (!capture.golden_case) return skipped("no golden case was run");
  const auto& golden = *capture.golden_case;
  auto finding = passed(fmt::format("the golden outputs of {} are fit to judge others by", golden.name));
  if (const auto* const objection = gravest(capture.objections)) {
    finding.status = objection->refuse ? Status::fail : Status::warn;
    // What proves nothing is not sealed, whatever a policy says.
    if (objection->refuse) finding.severity = Severity::required;
    finding.message =
        objection->output.empty() ? objection->message : fmt::format("{}: {}", objection->output, objection->message);
    finding.remedy = objection->remedy;
    finding.tables.push_back(table_of(capture.objections, objection));
  }
  for (const auto& noise : golden.noise) {
    finding.measurements.push_back(
        {noise.output + ".error_amplification", noise.rms_amplification, golden::k_largest_amplification, "noise"});
  }
  if (std::ranges::any_of(golden.noise, rounds_in_float64)) {
    finding.message += fmt::format(
        "; the network rounds to less than float64{} whatever it is run in, so that smaller changes pass unseen",
        capture.narrow_layer.empty() ? "" : fmt::format(" from {} on,", capture.narrow_layer));
  }
  if (!golden.repeatable) finding.message += "; two runs differed in some bits, so a repetition is not judged";
  return finding;
}

}  // namespace

const Check k_golden_capture{
    .id = "golden.capture",
    .title = "The golden outputs are fit to judge others by",
    .explanation =
        "Asked by capture of each golden case. An output that is nowhere finite, that answers alike whatever weights "
        "and inputs are, or that overflows in the native run alone proves nothing, and is not sealed. An output that "
        "is finite in part, a network without a float64 path, and one whose errors grow further than any sound "
        "machine's are sealed with a warning: less is seen through them.",
    .severity = Severity::required,
    .judge = judge_case,
    .asked_by = AskedBy::capture,
};

}  // namespace goldseal
