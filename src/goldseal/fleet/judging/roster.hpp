// SPDX-License-Identifier: Apache-2.0
// Who reported, and which of a node's reports counts. Launchers misreport (a dead node's job can leave with 0), so that
// the list of nodes that were expected decides who is missing, and every report that does not count is told by reason.
#pragma once

#include <goldseal/fleet/judging/fleet.hpp>
#include <goldseal/fleet/judging/merge.hpp>

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace goldseal::fleet {

struct Roster {
  std::vector<std::uint32_t> current;  ///< reports that count and can be compared, places in the collection
  std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> earlier;  ///< of a current one: the newest first
  std::unordered_map<std::string, std::size_t> places;                    ///< of nodes, by name
};

/// Fills Fleet::nodes with who is there and who is not, Fleet::seals and Fleet::notes.
[[nodiscard]] Roster call_the_roll(const MergeRequest& request, Fleet& fleet);

/// The node of this name, added where it is not there yet.
NodeResult& node_named(Fleet& fleet, Roster& roster, const std::string& name, bool expected);

/// Whether the list of expected nodes has this name; false where there is no list.
[[nodiscard]] bool is_expected(const MergeRequest& request, const Fleet& fleet, const Roster& roster,
                               const std::string& name);

/// Tells of a node; `of` is the report that it is about, null where there is none.
void add_problem(const Fleet& fleet, NodeResult& node, Trouble trouble, const NodeReport* of, std::string message,
                 std::string remedy);

}  // namespace goldseal::fleet
