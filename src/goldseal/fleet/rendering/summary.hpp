// SPDX-License-Identifier: Apache-2.0
// What several formats say alike: the counts, the nodes that share a trouble, the lists to paste.
#pragma once

#include <goldseal/fleet/judging/fleet.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal::fleet {

/// `4 nodes: 1 conforms, 1 fails, 1 odd, 1 missing`.
[[nodiscard]] std::string counted(const Fleet& fleet);

/// The seals' names, at most three.
[[nodiscard]] std::string subjects(const Fleet& fleet);

/// Nodes with the same action, gravest action first; without those that need none.
struct ActionRow {
  Action action = Action::none;
  std::vector<const NodeResult*> nodes;
  std::string hosts;  ///< folded: `gpu[0-3,7]`
  std::string reason;  ///< `odd`, `odd, fails`: what is wrong with them
};
[[nodiscard]] std::vector<ActionRow> action_rows(const Fleet& fleet);

/// A command of Slurm's that drains the nodes of an action that takes them out of service (reset, isolate); empty for
/// the others. Never run by goldseal.
[[nodiscard]] std::string drain_command(const ActionRow& row);

/// Problems of several nodes that are told in the same words, the gravest first.
struct ProblemGroup {
  const Problem* problem = nullptr;
  std::vector<std::string> nodes;
  std::vector<std::string> parts;  ///< of each node
  std::string hosts;               ///< folded
};
[[nodiscard]] std::vector<ProblemGroup> problem_groups(const Fleet& fleet);

/// `gpu0 gpu3 (GPU-ab12…)`, `gpu[1-3]`: who a group is about.
[[nodiscard]] std::string who(const ProblemGroup& group);

/// `A: 40 devices, NVIDIA H200, driver 580.65, torch 2.13.0`: the facts of a cohort that a person knows it by.
[[nodiscard]] std::string described(const Fleet& fleet, const Cohort& cohort);
/// `40 bit-equal`, `39 bit-equal, 1 odd`, `they differ, no majority`.
[[nodiscard]] std::string outcome(const Cohort& cohort);

/// `3 nodes`, `1 node`.
[[nodiscard]] std::string plural(std::size_t count, std::string_view word);

}  // namespace goldseal::fleet
