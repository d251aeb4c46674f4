// SPDX-License-Identifier: Apache-2.0
// Equals are compared with equals, bit by bit. A fault that passes every tolerance still gives other bits than ninety-
// nine machines of the same kind, and no other evidence is needed to name it. Where equals differ and none are in the
// majority, the float64 reference may say whose answers are further away, since it needs no peer.
#pragma once

#include <goldseal/fleet/judging/deciding_facts.hpp>
#include <goldseal/fleet/judging/roster.hpp>

#include <unordered_map>
#include <vector>

namespace goldseal::fleet {

/// Where a unit stands among its equals.
enum class Standing : std::uint8_t {
  uncompared,  ///< no peer, or nothing to compare
  with_most,
  undecided,
  odd,
};

struct Comparison {
  /// By report and unit, packed as report << 32 | unit.
  std::unordered_map<std::uint64_t, Standing> standings;
};

[[nodiscard]] inline std::uint64_t key_of(UnitRef unit) { return std::uint64_t{unit.report} << 32U | unit.unit; }

/// Fills Fleet::cohorts, and adds to the nodes what the comparison says. `baseline` are reports of machines that were
/// good; they vote in the cohorts of their kind.
[[nodiscard]] Comparison compare_equals(const MergeRequest& request, Fleet& fleet, const Roster& roster,
                                        const std::vector<NodeReport>& baseline, Characters& characters);

}  // namespace goldseal::fleet
