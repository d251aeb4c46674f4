// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>
#include <checks/golden/outputs.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace goldseal {
namespace {

// Of a machine that finds other objects altogether, the first few are named.
constexpr std::size_t k_most_told = 10;

void tell(Table& table, const DetectionObservation& observed, const std::vector<std::string>& objects,
          std::string_view what) {
  table.total += objects.size();
  for (const auto& object : objects) {
    if (table.rows.size() == k_most_told) return;
    table.rows.push_back({observed.golden_case, std::string(to_string(observed.run)), std::string(what), object});
  }
}

std::string summary(const golden::DetectionVerdict& verdict) {
  if (!verdict.missing.empty() || !verdict.strange.empty())
    return fmt::format("{} missing, {} that no run at capture found", verdict.missing.size(), verdict.strange.size());
  return "the same objects in another order";
}

Finding judge_detected(const Observation& observed, const CheckSettings&) {
  if (observed.run.outputs.empty()) return nothing_to_judge(observed);
  if (observed.run.detections.empty()) return skipped("no output holds detections");
  Table table{"objects", {"case", "run", "what", "object"}, {}};
  const DetectionObservation* worst = nullptr;
  std::size_t settled = 0;
  std::size_t unsettled = 0;
  for (const auto& detections : observed.run.detections) {
    settled = std::max(settled, detections.verdict.sealed);
    unsettled = std::max(unsettled, detections.verdict.unsettled);
    if (detections.verdict.pass()) continue;
    if (worst == nullptr) worst = &detections;
    tell(table, detections, detections.verdict.missing, "missing");
    tell(table, detections, detections.verdict.strange, "found, not sealed");
  }
  if (worst == nullptr) {
    return passed(
        unsettled == 0
            ? fmt::format("every one of the {} objects is found again", settled)
            : fmt::format("every one of the {} objects that rounding does not decide is found again; {} {} left to it",
                          settled, unsettled, unsettled == 1 ? "is" : "are"));
  }
  const auto place = run_name(worst->golden_case, worst->device);
  auto finding = failed(
      fmt::format("the {} run of {} finds other objects: {}", to_string(worst->run), place, summary(worst->verdict)),
      fmt::format("{} objects in {}", worst->verdict.sealed, worst->outputs),
      fmt::format("{} objects; {}", worst->verdict.found, summary(worst->verdict)),
      "mend what golden.float64 or golden.native names; if neither does, compare the thresholds of "
      "the selecting step with those that were sealed");
  if (!table.rows.empty()) finding.tables.push_back(std::move(table));
  return finding;
}

}  // namespace

const Check k_golden_detections{
    .id = "golden.detections",
    .title = "The same objects are found",
    .explanation =
        "Outputs of one row an object (boxes, scores, labels) have no fixed places: a threshold or a suppression "
        "decides which rows there are, and rounding can tip it. Each row is compared with the sealed row of "
        "the same object: the one of the same class whose box and score are nearest, within a sixteenth of a column's "
        "size; how exact it must be is for golden.float64 and golden.native to say. Rows that came or went at capture, "
        "when weights and inputs were moved by as much as a sound machine's whole error, are left to rounding. A row "
        "that is missing, one that no run at capture gave, and another order fail.",
    .severity = Severity::required,
    .judge = judge_detected,
};

}  // namespace goldseal
