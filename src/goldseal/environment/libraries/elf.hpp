// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal {

/// A note that its builder left in it.
struct ElfNote {
  std::string name;  ///< whose it is
  std::uint32_t type = 0;
  std::string text;  ///< up to its first NUL
};

/// What the dynamic loader reads of a shared library or program.
struct ElfFile {
  std::string soname;
  std::vector<std::string> needed;            ///< DT_NEEDED, in the file's order
  std::vector<std::string> search_path;       ///< DT_RUNPATH, else DT_RPATH, as written: `$ORIGIN/../lib`
  std::vector<std::string> versions_defined;  ///< `GLIBCXX_3.4.30`
  std::vector<std::string> versions_needed;   ///< the same of other libraries: `GLIBC_2.28`
  std::vector<ElfNote> notes;
};

/// A 64-bit little-endian ELF file, by its program headers (System V ABI, chapter 5; symbol versions as in the Linux
/// Standard Base). Nothing where the file is another kind, cannot be read, or has tables outside. Touches only the
/// pages that hold the tables.
[[nodiscard]] std::optional<ElfFile> read_elf(const std::filesystem::path& path);

/// The highest number behind `prefix`: `3.4.30` for `GLIBCXX_`.
[[nodiscard]] std::optional<std::string> newest_version(std::span<const std::string> versions, std::string_view prefix);

}  // namespace goldseal
