// SPDX-License-Identifier: Apache-2.0
// What holds for the options of every verb alike, so that no verb has to remember it and no new option is forgotten: a
// value that is given says something, and what a verb reads is not what it writes.
#pragma once

#include <CLI/CLI.hpp>

namespace goldseal::cli {

/// Throws Error{usage} for an option of the command line whose value is empty. It is what is left of a variable that is
/// not set, and would lift a demand that the user made: `--max-age "$AGE"`.
void require_values(const CLI::App& verb);

/// Throws Error{usage} where an option names as an output what another names as an input, by whatever name or link, or a
/// place in a seal.
/// Once the settings are applied, which name inputs too.
void require_outputs_apart(const CLI::App& verb);

}  // namespace goldseal::cli
