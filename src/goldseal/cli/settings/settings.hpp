// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/cli/verb.hpp>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What a team or a user sets once instead of at every call: `goldseal.toml`, found upwards from the working directory,
// then variables `GOLDSEAL_*`, then flags; the later one wins. docs/settings.md is the reference.
namespace goldseal::cli {

inline constexpr std::string_view k_settings_file = "goldseal.toml";

/// A value that was set outside the command line.
struct SetValue {
  std::string verb;  ///< the verb that it is for; empty for every verb that has the flag
  std::string key;   ///< the flag without its dashes: `timeout`
  std::vector<std::string> values;
  std::string origin;  ///< `goldseal.toml:3`, or the variable's name
  /// It would start a program or a model's code, and stands in a file that the user neither named nor has in the home
  /// directory: the verb that it is for refuses it.
  bool unauthorized = false;
  enum class Source { variable, found_file, own_file };
  Source source = Source::variable;
};

/// A variable named GOLDSEAL_… whose value has no effect: goldseal knows no setting of that name.
struct StrayVariable {
  std::string name;
  std::string why;    ///< `no setting has this name`, `report has no --depth`
  std::string meant;  ///< the variable that it is a slip of, most likely; empty where none is near
};

class Settings {
 public:
  /// Reads file and environment. Throws Error{usage} that names file, line and key, or the variable, where a setting
  /// makes no sense; Error{io} where a named file cannot be read.
  [[nodiscard]] static Settings gather(const SettingsSource& source);

  /// The value that counts for a flag of a verb: a variable before the file, and what is for the verb alone before what
  /// is for all. Null where none is set.
  [[nodiscard]] const SetValue* find(std::string_view verb, std::string_view key) const;

  /// The file that was read, if there is one.
  [[nodiscard]] const std::optional<std::filesystem::path>& file() const { return m_file; }
  /// True where the file was found, and not named.
  [[nodiscard]] bool found() const { return m_found; }
  /// By name.
  [[nodiscard]] const std::vector<StrayVariable>& unused_settings() const { return m_strays; }

 private:
  std::optional<std::filesystem::path> m_file;
  bool m_found = false;
  std::vector<SetValue> m_values;  ///< the weaker first
  std::vector<StrayVariable> m_strays;
};

/// True for a flag that may be set outside the command line.
[[nodiscard]] bool is_setting(std::string_view key);

/// Gives every flag of the verb that the command line left open the value that is set for it. Throws Error{usage} with
/// the value's origin where the flag does not take it, and where it is unauthorized. Returns the origins of those it gave, by flag.
/// Notes in `source`, where it is given, which came from a file, and what counts of one that was found.
std::map<std::string, std::string> apply_settings(CLI::App& verb, const Settings& settings,
                                                  SettingsSource* source = nullptr);

/// A warning for each stray variable. Throws Error{usage} for one that is a slip of a setting's name: without it a gate
/// would judge by another policy than was meant.
[[nodiscard]] std::vector<std::string> warnings_of_strays(const Settings& settings);

/// Adds --config and --no-config to a verb.
void declare_settings_source(CLI::App& verb, SettingsSource& source);

}  // namespace goldseal::cli
