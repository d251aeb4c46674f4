// SPDX-License-Identifier: Apache-2.0
#include <goldseal/report/json_writer.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <iterator>

namespace goldseal {
namespace {

bool is_plain(char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; }

void append_unit(std::string& out, std::uint32_t unit) {
  constexpr std::string_view k_digits = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += k_digits[(unit >> static_cast<unsigned>(shift)) & 0xFU];
}

// Beyond the basic plane a character is a pair of UTF-16 surrogates.
void append_point(std::string& out, std::uint32_t point) {
  if (point < 0x10000) return append_unit(out, point);
  append_unit(out, 0xD7C0 + (point >> 10U));
  append_unit(out, 0xDC00 + (point & 0x3FFU));
}

// The escape of the character at the start of `rest`, which is valid UTF-8; its length in bytes.
std::size_t append_escape(std::string& out, std::string_view rest) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(rest[i])); };
  const auto lead = byte(0);
  if (lead < 0x80) {
    constexpr std::string_view k_named = "\"\\\b\f\n\r\t";
    const auto named = k_named.find(rest[0]);
    if (named == std::string_view::npos) {
      append_unit(out, lead);
    } else {
      out += '\\';
      out += "\"\\bfnrt"[named];
    }
    return 1;
  }
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  auto point = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) point = (point << 6U) | (byte(i) & 0x3FU);
  append_point(out, point);
  return length;
}

void append_quoted(std::string& out, std::string_view valid) {
  out += '"';
  for (std::size_t i = 0; i < valid.size();) {
    auto end = i;
    while (end < valid.size() && is_plain(valid[end])) ++end;
    out += valid.substr(i, end - i);
    i = end;
    if (i < valid.size()) i += append_escape(out, valid.substr(i));
  }
  out += '"';
}

}  // namespace

void JsonWriter::new_line() {
  if (m_form == Form::compact) return;
  m_out += '\n';
  m_out.append(2 * m_depth, ' ');
}

void JsonWriter::before_value() {
  if (m_after_key) {
    m_after_key = false;
    return;
  }
  if (!m_empty) m_out += ',';
  if (m_depth > 0) new_line();
  m_empty = false;
}

void JsonWriter::begin(char bracket) {
  before_value();
  m_out += bracket;
  ++m_depth;
  m_empty = true;
}

void JsonWriter::end(char bracket) {
  --m_depth;
  if (!m_empty) new_line();
  m_out += bracket;
  m_empty = false;
}

void JsonWriter::key(std::string_view name) {
  before_value();
  m_out.append("\"").append(name).append("\": ");
  m_after_key = true;
}

void JsonWriter::text(std::string_view value) {
  before_value();
  if (is_utf8(value)) {
    append_quoted(m_out, value);
  } else {
    append_quoted(m_out, escape_unprintable(value));
  }
}

void JsonWriter::number(double value) {
  if (std::isnan(value)) return text("nan");
  if (std::isinf(value)) return text(value > 0 ? "inf" : "-inf");
  before_value();
  m_out += nlohmann::json(value).dump();
}

void JsonWriter::number(std::int64_t value) {
  before_value();
  fmt::format_to(std::back_inserter(m_out), "{}", value);
}

void JsonWriter::number(std::uint64_t value) {
  before_value();
  fmt::format_to(std::back_inserter(m_out), "{}", value);
}

void JsonWriter::boolean(bool value) {
  before_value();
  m_out += value ? "true" : "false";
}

void JsonWriter::null() {
  before_value();
  m_out += "null";
}

std::string JsonWriter::take() {
  m_out += '\n';
  return std::move(m_out);
}

}  // namespace goldseal
