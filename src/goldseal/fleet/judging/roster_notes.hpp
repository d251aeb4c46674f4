// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/fleet/judging/roster.hpp>

namespace goldseal::fleet {

/// Adds to Fleet::notes which ranks of a launcher's job are silent, and which GPUs two nodes report.
void add_roster_notes(const Roster& roster, Fleet& fleet);

}  // namespace goldseal::fleet
