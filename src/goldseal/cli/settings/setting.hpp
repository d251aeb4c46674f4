// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

// Which flags may be set outside the command line, and what a value of each looks like: one table for goldseal.toml, the
// variables and `goldseal config`.
namespace goldseal::cli {

enum class SettingKind { text, flag, number, list };

struct Setting {
  std::string_view key;  ///< the flag without its dashes
  SettingKind kind;
  bool path;  ///< a path in it is relative to the file that sets it
};

/// The setting that runs the code a seal names: `[trust] code` in a file.
inline constexpr std::string_view k_trust_setting = "trust-code";

/// Null where no flag of this name may be set outside the command line.
[[nodiscard]] const Setting* find_setting(std::string_view key);

/// All settings, in the order of the reference.
[[nodiscard]] std::span<const Setting> all_settings();

/// The names of all verbs, in the order of the help.
[[nodiscard]] std::vector<std::string> verb_names();

/// Whether the verb has the flag, from the table that its command line is parsed by.
[[nodiscard]] bool takes(std::string_view verb, std::string_view key);

}  // namespace goldseal::cli
