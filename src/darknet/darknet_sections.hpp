// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal::worker {

/// One section of a Darknet cfg: its name and its options, each with the line it stands on. The readers throw Refusal
/// (`malformed`, at the option's line) for a value of another form or outside its bounds.
class DarknetSection {
 public:
  struct Option {
    std::string key;
    std::string value;
    int line;
  };

  DarknetSection(std::string file, std::string name, int line);

  void add(Option option);

  const std::string& file() const { return m_file; }
  const std::string& name() const { return m_name; }

  /// The line of an option, or of the section's name where the section does not state it.
  int line(std::string_view key) const;

  /// `file:line` of the section's name, or of an option where the section states it.
  std::string where() const;
  std::string where(std::string_view key) const;

  std::string text(std::string_view key, std::string_view absent) const;
  std::int64_t integer(std::string_view key, std::int64_t absent, std::int64_t least, std::int64_t most) const;
  double number(std::string_view key, double absent) const;

  /// A list with commas; at least one element.
  std::vector<std::int64_t> integers(std::string_view key) const;
  std::vector<double> numbers(std::string_view key) const;

  /// Refuses options other than `keys` (`unsupported`): they might change what the layer computes.
  void allow(std::initializer_list<std::string_view> keys) const;

 private:
  const Option* find(std::string_view key) const;
  const Option& require(std::string_view key) const;
  [[noreturn]] void refuse_value(const Option& option, const std::string& expected) const;

  std::string m_file;
  std::string m_name;
  int m_line;
  std::vector<Option> m_options;
};

/// Splits the file at `path` into sections; there is at least one. Throws Refusal.
std::vector<DarknetSection> read_darknet_sections(const std::string& path);

}  // namespace goldseal::worker
