// SPDX-License-Identifier: Apache-2.0
#include <goldseal/fleet/judging/comparison_notes.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace goldseal::fleet {

ComparisonNotes::ComparisonNotes(Fleet& fleet, const Roster& roster, const Groups& groups)
    : m_fleet(fleet), m_roster(roster) {
  for (const auto& [key, group] : groups)
    for (const auto& member : group.members) m_result.standings.emplace(key_of(member.at), Standing::uncompared);
}

const NodeReport& ComparisonNotes::report(const Member& member) const {
  return m_fleet.collection.reports[member.at.report];
}

NodeResult& ComparisonNotes::node_of(const Member& member) {
  return m_fleet.nodes[m_roster.places.at(std::string(m_fleet.text(report(member).node)))];
}

std::string ComparisonNotes::shown(Id id) const { return escape_unprintable(m_fleet.text(id)); }

void ComparisonNotes::set(const Member& member, Standing to) {
  auto& at = m_result.standings.at(key_of(member.at));
  at = std::max(at, to);
}

void ComparisonNotes::add(const Member& member, Trouble trouble, std::string message, std::string remedy,
                          std::optional<Action> action) {
  auto& node = node_of(member);
  // Who was not expected has no vote, and is told of without deciding.
  node.problems.push_back({trouble, part_of(m_fleet, member.at), std::string(m_fleet.text(report(member).subject)),
                           std::move(message), std::move(remedy), action.value_or(traits(trouble).action)});
}

std::string counted_peers(std::size_t count) {
  return count == 1 ? "1 equal device" : fmt::format("{} equal devices", count);
}

}  // namespace goldseal::fleet
