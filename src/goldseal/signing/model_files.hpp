// SPDX-License-Identifier: Apache-2.0
// A signature of a directory covers its files, all of them. This file finds them, through one descriptor, and never
// follows a link: what a link leads to is not what was signed.
#pragma once

#include <goldseal/signing/model_statement.hpp>

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace goldseal::signing {

/// The names of all regular files below an open directory but those left out (resource_name.hpp), relative to it and in
/// the order of their bytes. Throws Error{malformed} for a symbolic link or anything else that is neither file nor
/// directory, and for a name that no signature can hold. `path` is the directory's name for people.
[[nodiscard]] std::vector<std::string> files_below(int directory, const std::filesystem::path& path,
                                                   std::span<const std::string> ignored);

/// The statement about a directory as it is now, every file read once.
[[nodiscard]] ModelStatement describe_directory(const std::filesystem::path& directory);

}  // namespace goldseal::signing
