// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/cli/settings/settings.hpp>

#include <filesystem>
#include <vector>

// One goldseal.toml. A file that was merely found may have come with a stranger's directory: what it sets counts, and what
// would start a program or write elsewhere is marked, so that the verb that it is for refuses it.
namespace goldseal::cli {

/// Appends what the file sets to `values`, in the file's order. `named`: the user named the file. Throws Error{usage} that
/// names file, line and key where something in it makes no sense, or where it cannot be read.
void read_settings_file(const std::filesystem::path& file, bool named, std::vector<SetValue>& values);

}  // namespace goldseal::cli
