// SPDX-License-Identifier: Apache-2.0
#include <goldseal/cli/settings/settings_variables.hpp>

#include <goldseal/base/messages/text.hpp>
#include <goldseal/cli/settings/setting.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <optional>
#include <utility>

namespace goldseal::cli {
namespace {

constexpr std::string_view k_variable_prefix = "GOLDSEAL_";

// Variables that goldseal, its Python package or its C++ hook reads, and that stand for no flag.
constexpr std::array<std::string_view, 6> k_other_variables{"GOLDSEAL_WORKERS", "GOLDSEAL_WORKER_RUN", "GOLDSEAL_CONFIG", "GOLDSEAL_PYTHON",
                                                            "GOLDSEAL_COMMAND", "GOLDSEAL_TORCH_DIR"};
// Variables of the project's own scripts and tests, and the version by which an image or a pipeline pins a tool.
constexpr std::array<std::string_view, 7> k_foreign_variables{
    "GOLDSEAL_BUILD",        "GOLDSEAL_ROOT",           "GOLDSEAL_OTHER_TORCH", "GOLDSEAL_FAKE_GPU",
    "GOLDSEAL_OTHER_CONFIG", "GOLDSEAL_TEST_DIRECTORY", "GOLDSEAL_VERSION"};

// Every verb, and first the empty name of what is for all of them.
std::vector<std::string> verbs_and_all() {
  auto names = verb_names();
  names.insert(names.begin(), "");
  return names;
}

std::string variable_name(std::string_view verb, std::string_view key) {
  std::string name(k_variable_prefix);
  if (!verb.empty()) name += fmt::format("{}_", verb);
  name += key;
  std::ranges::transform(name, name.begin(), [](char c) {
    return c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  });
  return name;
}

// Variables for all verbs first: those for one verb come later, and win. One for a verb that lacks the flag is a stray.
void read_values(std::vector<SetValue>& values, std::vector<StrayVariable>& strays) {
  for (const auto& verb : verbs_and_all()) {
    for (const auto& [key, kind, path] : all_settings()) {
      const auto name = variable_name(verb, key);
      const char* const value = std::getenv(name.c_str());
      if (value == nullptr || *value == '\0') continue;
      if (!verb.empty() && !takes(verb, key)) {
        strays.push_back({name, fmt::format("{} has no --{}", verb, key), variable_name("", key)});
        continue;
      }
      SetValue set{verb, std::string(key), {}, name};
      if (kind == SettingKind::list) {
        for (const auto part : split(value, ',')) set.values.emplace_back(part);
      } else {
        set.values.emplace_back(value);
      }
      values.push_back(std::move(set));
    }
  }
}

// Every variable that means something, without the prefix: it would make each look like every other.
std::vector<std::string> known_variables() {
  std::vector<std::string> names;
  const auto add = [&](std::string_view name) { names.emplace_back(name.substr(k_variable_prefix.size())); };
  for (const auto& verb : verbs_and_all()) {
    for (const auto& setting : all_settings()) add(variable_name(verb, setting.key));
  }
  std::ranges::for_each(k_other_variables, add);
  return names;
}

// A variable of somebody else's may be much like one of ours: only one letter makes it a slip, in a long name two.
std::optional<std::string> slip_of(std::string_view name, const std::vector<std::string>& known) {
  auto near = did_you_mean(name, known);
  constexpr std::size_t k_long = 10;
  const std::size_t slips = name.size() < k_long ? 1 : 2;
  return near && edit_distance(name, *near) <= slips ? near : std::nullopt;
}

void find_strays(std::vector<StrayVariable>& strays) {
  const auto known = known_variables();
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto name = text.substr(0, text.find('='));
    if (!name.starts_with(k_variable_prefix) ||
        std::ranges::find(k_foreign_variables, name) != k_foreign_variables.end())
      continue;
    const auto rest = name.substr(k_variable_prefix.size());
    if (std::ranges::find(known, rest) != known.end()) continue;
    const auto near = slip_of(rest, known);
    strays.push_back(
        {std::string(name), "no setting has this name", near ? std::string(k_variable_prefix) + *near : std::string()});
  }
  std::ranges::sort(strays, {}, &StrayVariable::name);
}

}  // namespace

void read_setting_variables(std::vector<SetValue>& values, std::vector<StrayVariable>& strays) {
  read_values(values, strays);
  find_strays(strays);
}

}  // namespace goldseal::cli
