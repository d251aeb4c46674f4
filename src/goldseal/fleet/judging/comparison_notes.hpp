// SPDX-License-Identifier: Apache-2.0
// What a comparison of equals says of each unit: where it stands, and what to tell of it.
#pragma once

#include <goldseal/fleet/judging/answer_groups.hpp>
#include <goldseal/fleet/judging/cohorts.hpp>

#include <optional>
#include <string>

namespace goldseal::fleet {

/// Collects the standings, and adds problems to the fleet's nodes.
class ComparisonNotes {
 public:
  /// All members of `groups` are uncompared at first.
  ComparisonNotes(Fleet& fleet, const Roster& roster, const Groups& groups);

  [[nodiscard]] const NodeReport& report(const Member& member) const;
  [[nodiscard]] NodeResult& node_of(const Member& member);
  /// A text of a report, as people may be shown it.
  [[nodiscard]] std::string shown(Id id) const;

  [[nodiscard]] Standing standing(const Member& member) const { return m_result.standings.at(key_of(member.at)); }
  /// Of several cases the standing that says most is kept.
  void set(const Member& member, Standing to);
  void add(const Member& member, Trouble trouble, std::string message, std::string remedy,
           std::optional<Action> action = {});

  [[nodiscard]] Comparison take() { return std::move(m_result); }

 private:
  Fleet& m_fleet;
  const Roster& m_roster;
  Comparison m_result;
};

/// `1 equal device`, `7 equal devices`.
[[nodiscard]] std::string counted_peers(std::size_t count);

}  // namespace goldseal::fleet
