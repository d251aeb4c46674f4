// SPDX-License-Identifier: Apache-2.0
#include <goldseal/worker/places.hpp>

#include <goldseal/base/messages/text.hpp>

#include <unistd.h>

#include <cstdlib>
#include <utility>

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

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::map<std::string, std::string, std::less<>> search_variables() {
  std::map<std::string, std::string, std::less<>> variables;
  for (const char* const name : {"HOME", "PATH", "GOLDSEAL_PYTHON", "VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONNOUSERSITE"}) {
    if (auto value = variable(name); !value.empty()) variables.emplace(name, std::move(value));
  }
  return variables;
}

bool is_program(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) == 0;
}

std::optional<fs::path> find_program(const std::string& name) {
  const auto path = variable("PATH");
  for (const auto part : split(path, ':')) {
    auto candidate = fs::path(part) / name;
    if (!part.empty() && is_program(candidate)) return candidate;
  }
  return std::nullopt;
}

}  // namespace goldseal
