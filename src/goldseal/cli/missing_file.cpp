// SPDX-License-Identifier: Apache-2.0
#include <goldseal/cli/missing_file.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <vector>

namespace goldseal::cli {
namespace {

namespace fs = std::filesystem;

constexpr int k_most_entries = 2000;

std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code error;
  int looked = 0;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end && ++looked < k_most_entries;
       entry.increment(error))
    names.push_back(entry->path().filename().string());
  return names;
}

}  // namespace

std::string remedy_for_missing(const Error& error) {
  std::error_code ignored;
  const fs::path path(error.where());
  if (!error.remedy().empty() || error.kind() != ErrorKind::io || path.empty() || !path.has_filename()) return {};
  // A stream that takes no more, a file without permission: these are there.
  if (error.message().find(std::generic_category().message(ENOENT)) == std::string::npos) return {};
  if (fs::exists(fs::symlink_status(path, ignored))) return {};
  const auto parent = path.parent_path();
  if (!parent.empty() && !fs::is_directory(parent, ignored))
    return fmt::format("there is no directory {}", escape_unprintable(parent.string()));
  const auto near = did_you_mean(path.filename().string(), names_in(parent.empty() ? "." : parent));
  return near ? fmt::format("did you mean {}?", escape_unprintable((parent / *near).string())) : "name a file that exists";
}

}  // namespace goldseal::cli
