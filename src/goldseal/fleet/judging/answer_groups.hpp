// SPDX-License-Identifier: Apache-2.0
// Who is compared with whom, and what each answered. The machine that sealed and those of the baseline have answered
// too: their answers are votes in the groups of their kind.
#pragma once

#include <goldseal/fleet/judging/deciding_facts.hpp>
#include <goldseal/fleet/judging/roster.hpp>

#include <cstddef>
#include <map>
#include <set>
#include <tuple>
#include <vector>

namespace goldseal::fleet {

/// A unit that is compared with its equals.
struct Member {
  UnitRef at;
  const Unit* unit = nullptr;
  bool votes = true;  ///< false for who was not expected
};

/// What is compared: one golden case, run in one way on the same inputs.
using Question = std::tuple<Id, RunKind, Id>;

/// What a group answered to one question.
struct Answers {
  std::map<Id, std::vector<std::size_t>> members;  ///< by what they answered
  std::map<Id, std::size_t> votes;                 ///< with those of the seal and the baseline
  std::set<Id> told_by_others;
};

/// Equals: units of one kind, runtime and configuration that judged one seal.
struct Group {
  Cohort cohort;
  std::vector<Member> members;
  std::map<Question, Answers> answers;
  std::map<Question, Id> most;  ///< what the majority answered
};

/// Seal, kind, runtime, configuration, and whether it is on a GPU.
using GroupKey = std::tuple<Id, Id, Id, Id, bool>;

using Groups = std::map<GroupKey, Group>;

/// The units of the reports that count, but for those whose files, weights or network fail: these compute something
/// else than their equals, and their bits accuse nobody.
[[nodiscard]] Groups group_answers(const MergeRequest& request, Fleet& fleet, const Roster& roster,
                                   const std::vector<NodeReport>& baseline, Characters& characters);

}  // namespace goldseal::fleet
