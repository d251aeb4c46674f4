// SPDX-License-Identifier: Apache-2.0
#include <goldseal/fleet/reading/json_cursor.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cctype>
#include <cstring>
#include <limits>

namespace goldseal::fleet {
namespace {

constexpr int k_depth = 64;  // a report needs eight

enum Class : std::uint8_t { plain, quote, open, close };

constexpr auto k_classes = [] {
  std::array<Class, 256> classes{};
  classes[static_cast<unsigned char>('"')] = quote;
  classes[static_cast<unsigned char>('{')] = classes[static_cast<unsigned char>('[')] = open;
  classes[static_cast<unsigned char>('}')] = classes[static_cast<unsigned char>(']')] = close;
  return classes;
}();

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

void append_utf8(std::string& out, std::uint32_t point) {
  const auto byte = [&](std::uint32_t value) { out += static_cast<char>(value); };
  if (point < 0x80) return byte(point);
  if (point < 0x800) {
    byte(0xC0U | (point >> 6U));
  } else if (point < 0x10000) {
    byte(0xE0U | (point >> 12U));
    byte(0x80U | ((point >> 6U) & 0x3FU));
  } else {
    byte(0xF0U | (point >> 18U));
    byte(0x80U | ((point >> 12U) & 0x3FU));
    byte(0x80U | ((point >> 6U) & 0x3FU));
  }
  byte(0x80U | (point & 0x3FU));
}

}  // namespace

void JsonCursor::fail(std::string_view message) const {
  throw Error(ErrorKind::malformed, m_where,
              fmt::format("{} at byte {}", escape_unprintable(message), std::min(m_at, m_text.size())),
              "let the node write its report again");
}

char JsonCursor::peek() {
  while (m_at < m_text.size() && is_blank(m_text[m_at])) ++m_at;
  if (m_at == m_text.size()) fail("the text ends");
  return m_text[m_at];
}

void JsonCursor::take(char bracket, std::string_view what) {
  if (peek() != bracket) fail(fmt::format("expected {}", what));
  ++m_at;
}

bool JsonCursor::closes(char bracket) {
  if (peek() != bracket) return false;
  ++m_at;
  return true;
}

bool JsonCursor::continues(char bracket) {
  const char next = peek();
  if (next != ',' && next != bracket) fail(fmt::format("expected a comma or `{}`", bracket));
  ++m_at;
  return next == ',';
}

std::string_view JsonCursor::text() {
  take('"', "a string");
  const auto begin = m_at;
  const char* const data = m_text.data();
  while (m_at < m_text.size() && data[m_at] != '"' && data[m_at] != '\\' && static_cast<unsigned char>(data[m_at]) >= 0x20)
    ++m_at;
  if (m_at < m_text.size() && data[m_at] == '"') return m_text.substr(begin, m_at++ - begin);
  return unescaped(begin);
}

std::string_view JsonCursor::unescaped(std::size_t begin) {
  m_unescaped.assign(m_text.substr(begin, m_at - begin));
  for (;; ++m_at) {
    if (m_at >= m_text.size()) fail("a string ends with the text");
    const char c = m_text[m_at];
    if (c == '"') break;
    if (static_cast<unsigned char>(c) < 0x20) fail("a control character stands in a string");
    if (c != '\\') {
      m_unescaped += c;
      continue;
    }
    ++m_at;
    append_escape();
  }
  ++m_at;
  return m_unescaped;
}

std::uint32_t JsonCursor::hexadecimal() {
  if (m_text.size() - m_at < 5) {
    m_at = m_text.size();
    fail("an escape ends with the text");
  }
  std::uint32_t value = 0;
  const char* const first = m_text.data() + m_at + 1;
  if (std::from_chars(first, first + 4, value, 16).ptr != first + 4) fail("expected four hexadecimal digits");
  m_at += 4;
  return value;
}

// Stands at the character behind the backslash, and afterwards at the last of the escape.
void JsonCursor::append_escape() {
  if (m_at >= m_text.size()) fail("an escape ends with the text");
  constexpr std::string_view k_names = "\"\\/bfnrt";
  constexpr std::string_view k_meant = "\"\\/\b\f\n\r\t";
  const char c = m_text[m_at];
  if (const auto named = k_names.find(c); named != std::string_view::npos) {
    m_unescaped += k_meant[named];
    return;
  }
  if (c != 'u') fail("an escape that JSON does not know");
  auto point = hexadecimal();
  const bool high = point >= 0xD800 && point < 0xDC00;
  if (high && m_text.substr(m_at + 1, 2) == "\\u") {
    m_at += 2;
    const auto low = hexadecimal();
    point = low >= 0xDC00 && low < 0xE000 ? 0x10000 + ((point - 0xD800) << 10U) + (low - 0xDC00) : 0xFFFD;
  } else if (point >= 0xD800 && point < 0xE000) {
    point = 0xFFFD;  // half of a pair stands for nothing
  }
  append_utf8(m_unescaped, point);
}

std::string_view JsonCursor::scalar() {
  static_cast<void>(peek());
  const auto begin = m_at;
  while (m_at < m_text.size() && (std::isalnum(static_cast<unsigned char>(m_text[m_at])) != 0 || m_text[m_at] == '-' ||
                                  m_text[m_at] == '+' || m_text[m_at] == '.'))
    ++m_at;
  if (m_at == begin) fail("expected a value");
  return m_text.substr(begin, m_at - begin);
}

double JsonCursor::number() {
  constexpr auto k_infinity = std::numeric_limits<double>::infinity();
  if (peek() == '"') {
    const auto word = text();
    if (word == "inf") return k_infinity;
    if (word == "-inf") return -k_infinity;
    if (word == "nan") return std::numeric_limits<double>::quiet_NaN();
    fail("expected a number");
  }
  const auto words = scalar();
  double value = 0;
  const auto [end, error] = std::from_chars(words.data(), words.data() + words.size(), value);
  if (error != std::errc() || end != words.data() + words.size()) fail("expected a number");
  return value;
}

std::int64_t JsonCursor::integer() {
  const auto words = scalar();
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(words.data(), words.data() + words.size(), value);
  if (error != std::errc() || end != words.data() + words.size()) fail("expected a whole number");
  return value;
}

void JsonCursor::skip_string() {
  ++m_at;
  for (;;) {
    const auto* const found =
        m_at < m_text.size() ? std::memchr(m_text.data() + m_at, '"', m_text.size() - m_at) : nullptr;
    if (found == nullptr) {
      m_at = m_text.size();
      fail("a string ends with the text");
    }
    const auto end = static_cast<std::size_t>(static_cast<const char*>(found) - m_text.data());
    auto slashes = end;
    while (slashes > m_at && m_text[slashes - 1] == '\\') --slashes;
    m_at = end + 1;
    if ((end - slashes) % 2 == 0) return;
  }
}

void JsonCursor::skip_nested() {
  std::array<char, k_depth> closing{};
  int depth = 0;
  const char* const data = m_text.data();
  const auto size = m_text.size();
  do {
    while (m_at < size && k_classes[static_cast<unsigned char>(data[m_at])] == plain) ++m_at;
    if (m_at == size) fail("the text ends");
    const char c = data[m_at];
    switch (k_classes[static_cast<unsigned char>(c)]) {
      case quote:
        skip_string();
        continue;
      case open:
        if (depth == k_depth) fail(fmt::format("nested more than {} deep", k_depth));
        closing[static_cast<std::size_t>(depth++)] = c == '{' ? '}' : ']';
        break;
      default:
        if (closing[static_cast<std::size_t>(--depth)] != c) fail("brackets do not match");
    }
    ++m_at;
  } while (depth > 0);
}

void JsonCursor::skip() {
  const char first = peek();
  if (first == '"') return skip_string();
  if (first == '{' || first == '[') return skip_nested();
  const auto words = scalar();
  if (words == "true" || words == "false" || words == "null") return;
  if (first != '-' && (first < '0' || first > '9')) fail("expected a value");
}

void JsonCursor::finish() {
  while (m_at < m_text.size() && is_blank(m_text[m_at])) ++m_at;
  if (m_at < m_text.size()) fail("expected the end of the report");
}

}  // namespace goldseal::fleet
