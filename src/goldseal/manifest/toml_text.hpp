// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/manifest/environment.hpp>

// What toml++ asserts of a text it also tells as an error, one line on: with assertions a table named `[.` would end the
// process.
#define TOML_ASSERT(expr) static_assert(true)
#include <toml++/toml.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// What the manifest's reader and writer share: toml++ seen through goldseal's errors. The only header that includes
// toml++.
namespace goldseal {

/// Parses TOML after checking what toml++ does not bound: size and the number of parts of a dotted key (its parser
/// recurses on them). Throws Error{malformed} with `where` and the line.
[[nodiscard]] toml::table parse_toml(std::string_view text, const std::string& where);

/// A string, number, list … as TOML writes it.
/// Throws Error{usage} for what is not UTF-8: no reader would take it.
[[nodiscard]] std::string toml_string(std::string_view text);
[[nodiscard]] std::string toml_number(double value);
[[nodiscard]] std::string toml_key(std::string_view key);
[[nodiscard]] std::string toml_value(const FactValue& value);
[[nodiscard]] std::string toml_integers(std::span<const std::int64_t> values);
[[nodiscard]] std::string toml_strings(std::span<const std::string> values);

/// A table being read: hands out its members by type, with errors that name file, line and key, and remembers which
/// were asked for.
class TomlReader {
 public:
  TomlReader(const toml::table& table, std::string path, const std::string& where);

  [[nodiscard]] std::string text(std::string_view key);
  [[nodiscard]] std::string text_or(std::string_view key, std::string_view fallback);
  /// A TOML date as it is written (2026-12-31); a string is handed out as it is, whatever it says.
  [[nodiscard]] std::string day(std::string_view key);
  [[nodiscard]] std::int64_t integer(std::string_view key);
  [[nodiscard]] double number(std::string_view key);
  [[nodiscard]] bool boolean(std::string_view key);
  [[nodiscard]] std::vector<std::int64_t> integers(std::string_view key);
  [[nodiscard]] std::vector<double> numbers(std::string_view key);
  [[nodiscard]] std::vector<std::string> strings_or_empty(std::string_view key);
  /// The sub-table, or null where there is none.
  [[nodiscard]] const toml::table* table(std::string_view key);
  /// The tables of an array; empty where there is none.
  [[nodiscard]] std::vector<const toml::table*> tables(std::string_view key);

  /// Keys of the table that were never asked for, with the path in front.
  void collect_unknown(std::vector<std::string>& unknown) const;
  /// Throws Error{malformed} with the line of the first key that was never asked for, and the nearest that was.
  void refuse_unknown() const;
  [[nodiscard]] const std::string& path() const { return m_path; }
  [[noreturn]] void fail(std::string_view key, std::string_view expected) const;

 private:
  const toml::node* member(std::string_view key);
  template <typename T>
  T required(std::string_view key, std::string_view expected);

  const toml::table& m_table;
  std::string m_path;
  const std::string& m_where;
  std::vector<std::string> m_asked;
};

/// The `[environment]` table, and back.
[[nodiscard]] Environment read_environment_table(const toml::table& table, const std::string& where);
[[nodiscard]] std::string environment_toml(const Environment& environment);

}  // namespace goldseal
