// SPDX-License-Identifier: Apache-2.0
// One group of equals: whose answers are those of the majority, whose differ, and, where there is no majority, whose
// are further from float64.
#pragma once

#include <goldseal/fleet/judging/comparison_notes.hpp>

#include <cstddef>
#include <string>

namespace goldseal::fleet {

class GroupJudge {
 public:
  GroupJudge(const MergeRequest& request, const Fleet& fleet, ComparisonNotes& notes)
      : m_request(request), m_fleet(fleet), m_notes(notes) {}

  /// Fills the cohort's counts and the group's majorities, and tells of the members.
  void judge(Group& group);

 private:
  [[nodiscard]] bool judge_repeats(Group& group, Id golden);
  void judge_answers(Group& group, const Question& question, const Answers& answers);
  void judge_without_majority(Group& group, const Question& question, const Answers& answers);
  void tell_odd(Group& group, const Question& question, const Answers& answers, const Member& member, Id answer,
                Id most, std::size_t peers);
  void tell_alone(const Group& group);
  [[nodiscard]] std::string pattern(const Group& group, const Question& question, const Member& member, Id most);

  const MergeRequest& m_request;
  const Fleet& m_fleet;
  ComparisonNotes& m_notes;
  std::size_t m_patterns = 0;
};

}  // namespace goldseal::fleet
