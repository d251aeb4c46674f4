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
  std::uint32_t begin = 0;  ///< where its words begin in the document's own store of them
  std::uint32_t size = 0;   ///< of its words, in bytes; of an array or object, how much it holds
  std::uint32_t next = 0;   ///< the first value that this one does not hold
  JsonKind kind = JsonKind::null;
};

/// A JSON text as one flat list of values, the whole at index 0, filled by nlohmann/json's event parser: a tree of its
/// own for ten thousand findings takes several times as long to build as the text takes to read.
class JsonDocument {
 public:
  /// Throws Error{malformed} with line and column where the text is not JSON (RFC 8259), is not UTF-8, or nests arrays
  /// and objects more than `depth` deep.
  JsonDocument(std::string_view text, const std::string& where, int depth);

  [[nodiscard]] const JsonValue& operator[](std::uint32_t index) const { return m_values[index]; }
  /// A string with its escapes resolved, or a number as it is written. Lives as long as the document.
  [[nodiscard]] std::string_view words(const JsonValue& value) const {
    return std::string_view(m_words).substr(value.begin, value.size);
  }
  /// True where it is a string, and that string is `text`.
  [[nodiscard]] bool is(const JsonValue& value, std::string_view text) const {
    return value.kind == JsonKind::string && words(value) == text;
  }
  /// The member `name` of the object at `index`, the first behind the member `after` where that is given; 0 where it
  /// has none.
  [[nodiscard]] std::uint32_t member(std::uint32_t index, std::string_view name, std::uint32_t after = 0) const;

 private:
  std::string m_words;
  std::vector<JsonValue> m_values;
};

}  // namespace goldseal
