// SPDX-License-Identifier: Apache-2.0
// What is rare in a fleet explains what fails in it more often than any message does: the one node with another driver
// stands before the failures of that node.
#pragma once

#include <goldseal/fleet/judging/roster.hpp>

namespace goldseal::fleet {

/// Fills Fleet::rare from the newest report of each node; to be called once all problems of the nodes are known.
void find_rare_facts(Fleet& fleet);

/// Warns of nodes one of whose stages took far longer than those of its equals: more than k_far_out median absolute
/// deviations above the median, and half as long again.
void find_stragglers(Fleet& fleet, Roster& roster);

}  // namespace goldseal::fleet
