// SPDX-License-Identifier: Apache-2.0
// A source is sealed by where it lay, and Python takes a module by its name: another file of that name that comes first
// is the code which serves. This file looks as `import` looks, without starting an interpreter.
#pragma once

#include <goldseal/manifest/manifest.hpp>

#include <filesystem>
#include <optional>

namespace goldseal {

/// Where `import` finds the module of a sealed source that does not lie where it was sealed: in the working directory,
/// then in those of PYTHONPATH.
[[nodiscard]] std::optional<std::filesystem::path> imported_here(const FileRecord& source);

struct ImportedFile {
  std::filesystem::path path;
  bool surely = true;  ///< false where it lies in a working directory that the sealed source is no part of
};

/// The file that `import` takes for the module in place of `sealed`, which is there: a package or compiled code beside
/// it, or a file in a directory that is looked through before its own. Nothing where it takes `sealed`.
[[nodiscard]] std::optional<ImportedFile> imported_before(const FileRecord& source, const std::filesystem::path& sealed);

}  // namespace goldseal
