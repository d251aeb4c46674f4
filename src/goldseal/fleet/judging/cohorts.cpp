// SPDX-License-Identifier: Apache-2.0
#include <goldseal/fleet/judging/cohorts.hpp>

#include <goldseal/fleet/judging/answer_groups.hpp>
#include <goldseal/fleet/judging/comparison_notes.hpp>
#include <goldseal/fleet/judging/configurations.hpp>
#include <goldseal/fleet/judging/group_judge.hpp>

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

namespace goldseal::fleet {
namespace {

// A to Z, AA, AB …
std::string label(std::size_t i) {
  std::string text;
  for (++i; i > 0; i = (i - 1) / 26) text.insert(text.begin(), static_cast<char>('A' + (i - 1) % 26));
  return text;
}

void enter_cohorts(Groups& groups, Fleet& fleet) {
  for (auto& [key, group] : groups) {
    for (const auto& member : group.members) group.cohort.members.push_back(member.at);
    fleet.cohorts.push_back(std::move(group.cohort));
  }
  std::ranges::stable_sort(fleet.cohorts, std::ranges::greater{}, [](const Cohort& c) { return c.members.size(); });
  for (std::size_t i = 0; i < fleet.cohorts.size(); ++i) fleet.cohorts[i].label = label(i);
}

}  // namespace

Comparison compare_equals(const MergeRequest& request, Fleet& fleet, const Roster& roster,
                          const std::vector<NodeReport>& baseline, Characters& characters) {
  auto groups = group_answers(request, fleet, roster, baseline, characters);
  ComparisonNotes notes(fleet, roster, groups);
  GroupJudge judge(request, fleet, notes);
  for (auto& [key, group] : groups) judge.judge(group);
  compare_configurations(fleet, groups, notes);
  enter_cohorts(groups, fleet);
  return notes.take();
}

}  // namespace goldseal::fleet
