// SPDX-License-Identifier: Apache-2.0
#include <goldseal/environment/anonymous.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace goldseal {
namespace {

// `/home/ada/venv/lib/libgomp.so.1` as `libgomp.so.1`; files of the kernel are the same everywhere.
std::string file_name(const std::string& text) {
  const std::string_view view(text);
  const bool is_path = view.starts_with('/') && !view.starts_with("/proc/") && !view.starts_with("/sys/");
  return is_path ? text.substr(text.rfind('/') + 1) : text;
}

}  // namespace

Environment without_directories(const Environment& environment) {
  Environment result;
  for (const auto& [name, fact] : environment.facts()) {
    if (name.ends_with(".path")) continue;
    auto value = fact.value;
    if (auto* const text = std::get_if<std::string>(&value)) *text = file_name(*text);
    if (auto* const list = std::get_if<std::vector<std::string>>(&value))
      std::ranges::transform(*list, list->begin(), file_name);
    result.set(name, std::move(value), file_name(fact.origin));
  }
  return result;
}

}  // namespace goldseal
