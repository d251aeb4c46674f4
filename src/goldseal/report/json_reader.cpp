// SPDX-License-Identifier: Apache-2.0
#include <goldseal/report/json_reader.hpp>

#include <goldseal/base/error.hpp>
#include <goldseal/base/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

namespace goldseal {
namespace {

constexpr std::array<std::string_view, 6> k_kind_names{"null", "boolean", "number", "string", "array", "object"};
// A string of several bytes and its comma: memory is taken once for most texts.
constexpr std::size_t k_bytes_a_value = 16;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<unsigned> hex_number(std::string_view digits) {
  if (digits.size() != 4) return std::nullopt;
  unsigned number = 0;
  for (const char c : digits) {
    const char lower = static_cast<char>(c | 0x20);
    if (is_digit(c)) {
      number = number * 16 + static_cast<unsigned>(c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      number = number * 16 + static_cast<unsigned>(lower - 'a') + 10;
    } else {
      return std::nullopt;
    }
  }
  return number;
}

bool is_high_surrogate(unsigned code) { return code >= 0xD800 && code < 0xDC00; }
bool is_low_surrogate(unsigned code) { return code >= 0xDC00 && code < 0xE000; }

void append_utf8(std::string& text, unsigned code) {
  const auto byte = [&](unsigned value) { text += static_cast<char>(value); };
  if (code < 0x80) return byte(code);
  if (code < 0x800) {
    byte(0xC0U | (code >> 6U));
  } else if (code < 0x10000) {
    byte(0xE0U | (code >> 12U));
    byte(0x80U | ((code >> 6U) & 0x3FU));
  } else {
    byte(0xF0U | (code >> 18U));
    byte(0x80U | ((code >> 12U) & 0x3FU));
    byte(0x80U | ((code >> 6U) & 0x3FU));
  }
  byte(0x80U | (code & 0x3FU));
}

// What follows the backslash of an escape of one character; 0 for none.
char unescaped(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case '"':
    case '\\':
    case '/':
      return c;
    default:
      return 0;
  }
}

class Scanner {
 public:
  Scanner(std::string_view text, const std::string& where, int depth, std::vector<JsonValue>& values)
      : m_text(text), m_where(where), m_depth(depth), m_values(values) {}

  void read() {
    if (m_text.size() > std::numeric_limits<std::uint32_t>::max()) fail("more than 4 GiB");
    m_values.reserve(m_text.size() / k_bytes_a_value);
    skip_space();
    value(0);
    skip_space();
    if (m_at < m_text.size()) fail("the text should end here");
    if (!m_ascii && !is_utf8(m_text)) fail("the text is not UTF-8");
  }

 private:
  // 0 behind the end, where no JSON has it.
  char peek() const { return m_at < m_text.size() ? m_text[m_at] : '\0'; }

  void skip_space() {
    while (peek() == ' ' || peek() == '\n' || peek() == '\r' || peek() == '\t') ++m_at;
  }

  void value(int depth) {
    const char c = peek();
    if (c == '"') return string();
    if (c == '{' || c == '[') return many(c, depth + 1);
    if (c == '-' || is_digit(c)) return number();
    if (c == 't') return word("true", JsonKind::boolean);
    if (c == 'f') return word("false", JsonKind::boolean);
    if (c == 'n') return word("null", JsonKind::null);
    fail("a value is expected");
  }

  std::uint32_t add(JsonKind kind, std::size_t begin) {
    const auto index = static_cast<std::uint32_t>(m_values.size());
    m_values.push_back({static_cast<std::uint32_t>(begin), 0, index + 1, kind, false});
    return index;
  }

  void many(char opening, int depth) {
    if (depth > m_depth) fail(fmt::format("nested more than {} deep", m_depth));
    const bool object = opening == '{';
    const auto index = add(object ? JsonKind::object : JsonKind::array, m_at++);
    const char closing = object ? '}' : ']';
    std::uint32_t count = 0;
    for (skip_space(); count > 0 || peek() != closing; skip_space()) {
      if (object) name();
      value(depth);
      ++count;
      skip_space();
      if (peek() != ',') break;
      ++m_at;
    }
    if (peek() != closing) fail(fmt::format("`,` or `{}` is expected", closing));
    ++m_at;
    m_values[index].size = count;
    m_values[index].next = static_cast<std::uint32_t>(m_values.size());
  }

  void name() {
    if (peek() != '"') fail("a member's name is expected");
    string();
    skip_space();
    if (peek() != ':') fail("`:` is expected");
    ++m_at;
    skip_space();
  }

  void string() {
    const auto index = add(JsonKind::string, ++m_at);
    for (;; ++m_at) {
      const auto c = static_cast<unsigned char>(peek());
      if (c == '"') break;
      if (c < 0x20) fail(m_at < m_text.size() ? "a control character in a string" : "the text ends within a string");
      if (c == '\\') escape(index);
      m_ascii = m_ascii && c < 0x80;
    }
    m_values[index].size = static_cast<std::uint32_t>(m_at++) - m_values[index].begin;
  }

  // Ends on the escape's last character.
  void escape(std::uint32_t index) {
    m_values[index].escaped = true;
    ++m_at;
    if (peek() != 'u') {
      if (unescaped(peek()) == 0) fail("an escape that JSON does not know");
      return;
    }
    const auto code = hex_number(m_text.substr(m_at + 1, 4));
    if (!code) fail("four hexadecimal digits are expected");
    m_at += 4;
    if (is_low_surrogate(*code)) fail("half of a surrogate pair");
    if (!is_high_surrogate(*code)) return;
    const auto rest = m_text.substr(m_at + 1, 6);
    const auto low = rest.starts_with("\\u") ? hex_number(rest.substr(2)) : std::nullopt;
    if (!low || !is_low_surrogate(*low)) fail("half of a surrogate pair");
    m_at += 6;
  }

  void number() {
    const auto index = add(JsonKind::number, m_at);
    if (peek() == '-') ++m_at;
    if (peek() == '0') {
      ++m_at;
    } else {
      digits();
    }
    if (peek() == '.') {
      ++m_at;
      digits();
    }
    if (peek() == 'e' || peek() == 'E') {
      ++m_at;
      if (peek() == '+' || peek() == '-') ++m_at;
      digits();
    }
    m_values[index].size = static_cast<std::uint32_t>(m_at) - m_values[index].begin;
  }

  void digits() {
    if (!is_digit(peek())) fail("a digit is expected");
    while (is_digit(peek())) ++m_at;
  }

  void word(std::string_view expected, JsonKind kind) {
    if (m_text.substr(m_at, expected.size()) != expected) fail("a value is expected");
    m_values[add(kind, m_at)].size = static_cast<std::uint32_t>(expected.size());
    m_at += expected.size();
  }

  [[noreturn]] void fail(std::string_view rule) const {
    const auto before = m_text.substr(0, m_at);
    const auto line = 1 + std::ranges::count(before, '\n');
    const auto newline = before.rfind('\n');
    const auto column = m_at - (newline == std::string_view::npos ? 0 : newline + 1) + 1;
    const auto found = m_at < m_text.size() ? fmt::format("found `{}`", escape_unprintable(m_text.substr(m_at, 1)))
                                            : std::string("the text ends");
    throw Error(ErrorKind::malformed, fmt::format("{}:{}:{}", m_where, line, column),
                fmt::format("not JSON: {}; {}", rule, found), "give the file that `--report json=PATH` wrote");
  }

  std::string_view m_text;
  const std::string& m_where;
  int m_depth;
  std::vector<JsonValue>& m_values;
  std::size_t m_at = 0;
  bool m_ascii = true;
};

}  // namespace

std::string_view to_string(JsonKind kind) { return k_kind_names[static_cast<std::size_t>(kind)]; }

JsonDocument::JsonDocument(std::string_view text, const std::string& where, int depth) : m_text(text) {
  Scanner(text, where, depth, m_values).read();
}

std::string JsonDocument::string(const JsonValue& value) const {
  auto rest = written(value);
  if (!value.escaped) return std::string(rest);
  std::string text;
  while (!rest.empty()) {
    const auto plain = std::min(rest.find('\\'), rest.size());
    text += rest.substr(0, plain);
    rest.remove_prefix(plain);
    if (rest.empty()) break;
    if (rest[1] != 'u') {
      text += unescaped(rest[1]);
      rest.remove_prefix(2);
      continue;
    }
    auto code = *hex_number(rest.substr(2, 4));
    rest.remove_prefix(6);
    if (is_high_surrogate(code)) {
      code = 0x10000 + ((code - 0xD800) << 10U) + (*hex_number(rest.substr(2, 4)) - 0xDC00);
      rest.remove_prefix(6);
    }
    append_utf8(text, code);
  }
  return text;
}

bool JsonDocument::is(const JsonValue& value, std::string_view text) const {
  return value.kind == JsonKind::string && (value.escaped ? string(value) == text : written(value) == text);
}

std::uint32_t JsonDocument::member(std::uint32_t index, std::string_view name) const {
  for (auto key = index + 1; key < m_values[index].next; key = m_values[key + 1].next) {
    if (is(m_values[key], name)) return key + 1;
  }
  return 0;
}

}  // namespace goldseal
