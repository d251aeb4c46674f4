// SPDX-License-Identifier: Apache-2.0
#include <goldseal/environment/libraries/library_search.hpp>

#include <goldseal/base/messages/text.hpp>

#include <algorithm>

namespace goldseal {
namespace {

namespace fs = std::filesystem;

fs::path expanded(const std::string& entry, const fs::path& origin) {
  for (const std::string_view token : {"$ORIGIN", "${ORIGIN}"}) {
    if (entry.starts_with(token))
      return (origin / entry.substr(std::min(token.size() + 1, entry.size()))).lexically_normal();
  }
  return entry;
}

}  // namespace

LibrarySearch::LibrarySearch(const ProbeContext& context)
    : m_files(context.files), m_cache(context.files.read("/etc/ld.so.cache", 16U << 20U).value_or("")) {
  if (const auto path = context.variables.find("LD_LIBRARY_PATH"); path != context.variables.end()) {
    for (const auto part : split(path->second, ':')) {
      if (!part.empty()) m_directories.emplace_back(part);
    }
  }
  for (const auto* path : {"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu",
                           "/usr/lib/aarch64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"})
    m_directories.emplace_back(path);
}

bool LibrarySearch::finds(const std::string& name, const ElfFile& user, const fs::path& directory) const {
  const auto holds = [&](const fs::path& path) { return m_files.exists(path / name); };
  const auto holds_expanded = [&](const std::string& entry) { return holds(expanded(entry, directory)); };
  // The cache holds each library's path as text that ends with NUL, whatever its version.
  return std::ranges::any_of(user.search_path, holds_expanded) || std::ranges::any_of(m_directories, holds) ||
         m_cache.find('/' + name + '\0') != std::string::npos;
}

}  // namespace goldseal
