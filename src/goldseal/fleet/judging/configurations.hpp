// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/fleet/judging/comparison_notes.hpp>

namespace goldseal::fleet {

/// A node that was configured otherwise by mistake has no peer. Those that differ from it in settings alone tell. To be
/// called once the groups were judged.
void compare_configurations(const Fleet& fleet, Groups& groups, ComparisonNotes& notes);

}  // namespace goldseal::fleet
