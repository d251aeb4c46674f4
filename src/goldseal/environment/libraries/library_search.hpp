// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/environment/libraries/elf.hpp>
#include <goldseal/environment/shared/probes.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace goldseal {

/// Whether the dynamic loader would find a library, told from files in the loader's order (ld.so(8)): the library's own
/// search path, LD_LIBRARY_PATH, /etc/ld.so.cache, the default directories.
class LibrarySearch {
 public:
  explicit LibrarySearch(const ProbeContext& context);
  /// `name` as `user`, which lies in `directory`, asks for it.
  [[nodiscard]] bool finds(const std::string& name, const ElfFile& user, const std::filesystem::path& directory) const;

 private:
  const FileRoot& m_files;
  std::vector<std::filesystem::path> m_directories;
  std::string m_cache;
};

}  // namespace goldseal
