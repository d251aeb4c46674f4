// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace goldseal {

/// Writes JSON as it goes, indented by two: a tree of ten thousand findings takes three times as long to build as the
/// text takes to write. The text is ASCII, so that what hides or reorders text on a terminal is escaped too. The caller
/// keeps keys sorted and brackets matched.
class JsonWriter {
 public:
  /// `compact`: without indentation, which takes half of a report's bytes.
  enum class Form { indented, compact };
  explicit JsonWriter(Form form = Form::indented) : m_form(form) {}

  void begin_object() { begin('{'); }
  void end_object() { end('}'); }
  void begin_array() { begin('['); }
  void end_array() { end(']'); }
  /// `name` needs no escaping.
  void key(std::string_view name);

  /// Bytes that are not UTF-8 are written as escape_unprintable has them.
  void text(std::string_view value);
  /// JSON has no infinity and no NaN; they are written as text.
  void number(double value);
  void number(std::int64_t value);
  void number(std::uint64_t value);
  void boolean(bool value);
  void null();

  void member(std::string_view name, std::string_view value) {
    key(name);
    text(value);
  }
  void member(std::string_view name, double value) {
    key(name);
    number(value);
  }

  /// The whole text, with a newline at its end.
  [[nodiscard]] std::string take();

 private:
  void begin(char bracket);
  void end(char bracket);
  void before_value();
  void new_line();

  Form m_form;
  std::string m_out;
  std::size_t m_depth = 0;
  bool m_empty = true;       // the innermost bracket holds nothing yet
  bool m_after_key = false;  // a value that follows stands on the key's line
};

}  // namespace goldseal
