// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal {

enum class JsonKind : std::uint8_t { null, boolean, number, string, array, object };

/// `null`, `boolean` …, as errors name what they found.
[[nodiscard]] std::string_view to_string(JsonKind kind);

/// A value of a JSON text. What an array or object holds follows it, a member's name (a string) before its value.
struct JsonValue {
  std::uint32_t begin = 0;  ///< in the text; of a string, behind the quote
  std::uint32_t size = 0;   ///< in the text, of a string without its quotes; of an array or object, how much it holds
  std::uint32_t next = 0;   ///< the first value that this one does not hold
  JsonKind kind = JsonKind::null;
  bool escaped = false;  ///< a string with backslashes in it
};

/// A JSON text taken apart into one flat list, the whole at index 0: a tree of ten thousand findings takes four times
/// as long to build as its text takes to read. The text must outlive it.
class JsonDocument {
 public:
  /// Throws Error{malformed} with line and column where the text is no JSON (RFC 8259), is not UTF-8, or nests arrays
  /// and objects more than `depth` deep.
  JsonDocument(std::string_view text, const std::string& where, int depth);

  [[nodiscard]] const JsonValue& operator[](std::uint32_t index) const { return m_values[index]; }
  /// A number, true, false or null as it is written.
  [[nodiscard]] std::string_view written(const JsonValue& value) const {
    return m_text.substr(value.begin, value.size);
  }
  /// A string with its escapes resolved.
  [[nodiscard]] std::string string(const JsonValue& value) const;
  /// True where that string is `text`.
  [[nodiscard]] bool is(const JsonValue& value, std::string_view text) const;
  /// The member `name` of the object at `index`, the first of several; 0 where it has none.
  [[nodiscard]] std::uint32_t member(std::uint32_t index, std::string_view name) const;

 private:
  std::string_view m_text;
  std::vector<JsonValue> m_values;
};

}  // namespace goldseal
