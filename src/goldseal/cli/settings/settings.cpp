// SPDX-License-Identifier: Apache-2.0
#include <goldseal/cli/settings/settings.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/cli/settings/setting.hpp>
#include <goldseal/cli/settings/settings_file.hpp>
#include <goldseal/cli/settings/settings_variables.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace goldseal::cli {
namespace {

namespace fs = std::filesystem;

// What changes how things are shown, and how soon, needs no word: it shows.
bool is_presentation(std::string_view key) {
  constexpr std::array<std::string_view, 5> k_keys{"format", "color", "quiet", "verbose", "jobs"};
  return std::ranges::find(k_keys, key) != k_keys.end();
}

// A format that is set for all verbs is meant for those that have one; `probe` and its like know text and JSON alone.
bool is_meant_for(const SetValue& set, std::string_view verb) {
  if (!set.verb.empty()) return set.verb == verb;
  if (set.key != "format" || set.values.front() == "text" || set.values.front() == "json") return true;
  return std::ranges::any_of(verbs(), [&](const Verb& v) { return v.name == verb && v.judges; });
}

std::optional<fs::path> nearest_file(const fs::path& from) {
  std::error_code error;
  const auto start = fs::absolute(from, error);
  for (auto directory = start.lexically_normal();; directory = directory.parent_path()) {
    const auto file = directory / k_settings_file;
    if (fs::is_regular_file(file, error)) return fs::proximate(file, start, error);
    if (directory == directory.parent_path()) return std::nullopt;
  }
}

// CLI11 says of a flag alone that it cannot convert a value.
std::string refusal_of(const SetValue& set, const CLI::ParseError& error) {
  const auto* const setting = find_setting(set.key);
  if (setting == nullptr || setting->kind != SettingKind::flag) return error.what();
  return format_value(fmt::format("--{}", set.key), k_flag_values, set.values.front());
}

// The file that the user named; empty where none is.
fs::path named_file(const SettingsSource& source) {
  if (!source.file.empty()) return source.file;
  const char* const given = std::getenv("GOLDSEAL_CONFIG");
  return given == nullptr ? fs::path() : fs::path(given);
}

void require_authorized(const SetValue& set) {
  if (!set.unauthorized) return;
  throw Error(ErrorKind::usage, set.origin,
              fmt::format("--{} {} would {}: this goldseal.toml was found, not named", set.key,
                          escape_unprintable(fmt::format("{}", fmt::join(set.values, ", "))),
                          set.key == "report" ? "write outside of the file's own directory"
                                              : "start what someone else may have put there"),
              "if the file is your own, name it: --config FILE, or GOLDSEAL_CONFIG=FILE; if not: --no-config");
}

void note_found(const SetValue& set, const Settings& settings, SettingsSource& source) {
  if (!settings.found() || set.source == SetValue::Source::variable || is_presentation(set.key)) return;
  source.found_file = settings.file()->string();
  source.found.push_back(fmt::format("{} {}", set.key, fmt::join(set.values, ", ")));
}

}  // namespace

bool is_setting(std::string_view key) { return find_setting(key) != nullptr; }

Settings Settings::gather(const SettingsSource& source) {
  Settings settings;
  if (source.use_file) {
    const auto named = named_file(source);
    settings.m_file = named.empty() ? nearest_file(source.directory) : named;
    settings.m_found = named.empty() && settings.m_file;
    if (settings.m_file) read_settings_file(*settings.m_file, !named.empty(), settings.m_values);
  }
  // Within the file too, what is for one verb wins.
  std::stable_partition(settings.m_values.begin(), settings.m_values.end(), [](const SetValue& v) { return v.verb.empty(); });
  read_setting_variables(settings.m_values, settings.m_strays);
  return settings;
}

const SetValue* Settings::find(std::string_view verb, std::string_view key) const {
  const SetValue* found = nullptr;
  for (const auto& value : m_values) {
    if (value.key == key && is_meant_for(value, verb)) found = &value;
  }
  return found;
}

std::map<std::string, std::string> apply_settings(CLI::App& verb, const Settings& settings, SettingsSource* source) {
  std::map<std::string, std::string> origins;
  for (auto* const option : verb.get_options()) {
    if (option->count() > 0 || option->get_lnames().empty()) continue;
    const auto* const set = settings.find(verb.get_name(), option->get_lnames().front());
    if (set == nullptr) continue;
    require_authorized(*set);
    try {
      option->add_result(set->values);
      option->run_callback();
      origins.emplace(set->key, set->origin);
      if (source == nullptr) continue;
      if (set->source != SetValue::Source::variable) source->from_file.insert(set->key);
      if (set->source == SetValue::Source::found_file) source->from_found_file.insert(set->key);
      note_found(*set, settings, *source);
    } catch (const Error& error) {
      throw Error(error.kind(), fmt::format("{}: {}", set->origin, error.where()), error.message(), error.remedy());
    } catch (const CLI::ParseError& error) {
      throw Error(ErrorKind::usage, set->origin, refusal_of(*set, error),
                  fmt::format("`goldseal {} --help` says what --{} takes", verb.get_name(), set->key));
    }
  }
  return origins;
}

std::vector<std::string> warnings_of_strays(const Settings& settings) {
  std::vector<std::string> warnings;
  for (const auto& [name, why, meant] : settings.unused_settings()) {
    if (!meant.empty())
      throw Error(ErrorKind::usage, name, fmt::format("{}, and its value would have no effect", why),
                  fmt::format("did you mean {}?", meant));
    warnings.push_back(
        fmt::format("{} is set but is not a setting; `goldseal config` lists the settings", escape_unprintable(name)));
  }
  return warnings;
}

void declare_settings_source(CLI::App& verb, SettingsSource& source) {
  auto* const file = verb.add_option_function<std::string>(
      "--config", [&source](const std::string& path) { source.file = path; },
      "Settings from this file instead of the nearest goldseal.toml");
  file->type_name("FILE");
  verb.add_flag_callback(
          "--no-config", [&source] { source.use_file = false; }, "Read no goldseal.toml")
      ->excludes(file);
}

}  // namespace goldseal::cli
