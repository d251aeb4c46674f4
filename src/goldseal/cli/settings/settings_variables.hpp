// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/cli/settings/settings.hpp>

#include <vector>

// The variables `GOLDSEAL_TIMEOUT` (for every verb that has the flag) and `GOLDSEAL_VERIFY_TIMEOUT` (for one), and those
// whose names are a slip: a gate must not judge by another policy than was meant.
namespace goldseal::cli {

/// Appends what the environment sets to `values`, those for all verbs first, and to `strays` the variables named GOLDSEAL_…
/// whose values have no effect.
void read_setting_variables(std::vector<SetValue>& values, std::vector<StrayVariable>& strays);

}  // namespace goldseal::cli
