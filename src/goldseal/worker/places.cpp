// SPDX-License-Identifier: Apache-2.0
#include <goldseal/worker/places.hpp>

#include <goldseal/base/text.hpp>

#include <unistd.h>

#include <cstdlib>

namespace goldseal {

namespace fs = std::filesystem;

fs::path command_directory() {
  std::error_code ignored;
  return fs::read_symlink("/proc/self/exe", ignored).parent_path();
}

std::optional<fs::path> find_shipped(std::string_view name) {
  const auto self = command_directory();
  std::error_code ignored;
  for (const auto& place : {self.parent_path() / "share/goldseal", self / "../../src"}) {
    if (fs::exists(place / name, ignored)) return fs::canonical(place / name);
  }
  return std::nullopt;
}

bool is_program(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) == 0;
}

std::optional<fs::path> find_program(const std::string& name) {
  const char* const path = std::getenv("PATH");
  for (const auto part : split(path == nullptr ? "" : path, ':')) {
    auto candidate = fs::path(part) / name;
    if (!part.empty() && is_program(candidate)) return candidate;
  }
  return std::nullopt;
}

}  // namespace goldseal
