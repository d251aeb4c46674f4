// SPDX-License-Identifier: Apache-2.0
// A machine compared with itself. Bits that were equal last week and are not today have a reason: a driver, a library,
// a setting. Where the facts show none, the hardware is suspected.
#pragma once

#include <goldseal/fleet/judging/cohorts.hpp>

#include <vector>

namespace goldseal::fleet {

/// Holds each device's answers against its last earlier ones, of the reports before or else of the baseline.
void look_back(Fleet& fleet, Roster& roster, const std::vector<NodeReport>& baseline, const Comparison& comparison,
               Characters& characters);

}  // namespace goldseal::fleet
