// SPDX-License-Identifier: Apache-2.0
// Nine tenths of a report are of no use to the verdict on a fleet: tensors, layers, tables, pictures. This cursor walks
// over them without building anything, several times as fast as the event parser that reads one report whole, which
// turns every value into a string of its own. What it hands out is checked; what it skips is only held to its brackets
// and quotes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace goldseal::fleet {

/// A place in a JSON text of foreign origin. Everything throws Error{malformed} where the text is not as expected;
/// `exhausted` then tells a text that was cut short from one that is damaged. Nothing recurses.
class JsonCursor {
 public:
  JsonCursor(std::string_view text, const std::string& where) : m_text(text), m_where(where) {}

  /// The members of an object: `on_member` is given each name and must read or skip its value.
  template <typename Function>
  void object(Function&& on_member) {
    take('{', "an object");
    if (closes('}')) return;
    do {
      // The name lives as long as the text, or in the cursor until the next text is read.
      const auto name = text();
      take(':', "a colon");
      on_member(name);
    } while (continues('}'));
  }

  /// The elements of an array: `on_element` must read or skip each.
  template <typename Function>
  void array(Function&& on_element) {
    take('[', "an array");
    if (closes(']')) return;
    do {
      on_element();
    } while (continues(']'));
  }

  /// A string with its escapes resolved; lives until the next one is read.
  [[nodiscard]] std::string_view text();
  /// A number; also the words `inf`, `-inf` and `nan`, as reports write what JSON has no number for.
  [[nodiscard]] double number();
  [[nodiscard]] std::int64_t integer();
  /// Any value.
  void skip();
  /// Throws where something else than blanks follows.
  void finish();

  /// Whether the text had ended where reading stopped.
  [[nodiscard]] bool exhausted() const { return m_at >= m_text.size(); }
  [[noreturn]] void fail(std::string_view message) const;

 private:
  [[nodiscard]] char peek();
  void take(char bracket, std::string_view what);
  [[nodiscard]] bool closes(char bracket);
  [[nodiscard]] bool continues(char bracket);
  [[nodiscard]] std::string_view unescaped(std::size_t begin);
  void append_escape();
  [[nodiscard]] std::uint32_t hexadecimal();
  void skip_string();
  void skip_nested();
  [[nodiscard]] std::string_view scalar();

  std::string_view m_text;
  const std::string& m_where;
  std::size_t m_at = 0;
  std::string m_unescaped;
};

}  // namespace goldseal::fleet
