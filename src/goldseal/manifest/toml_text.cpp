// SPDX-License-Identifier: Apache-2.0
#include <goldseal/manifest/toml_text.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/manifest/manifest.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <sstream>
#include <type_traits>
#include <utility>

namespace goldseal {
namespace {

// A key of the format has at most four parts.
constexpr std::ptrdiff_t k_max_dots_a_line = 10'000;

void check_bounds(std::string_view text, const std::string& where) {
  if (text.size() > k_max_toml_bytes) {
    throw Error(
        ErrorKind::malformed, where,
        fmt::format("expected at most {} of TOML, found {}", format_bytes(k_max_toml_bytes), format_bytes(text.size())));
  }
  std::size_t number = 0;
  for (const auto line : split(text, '\n')) {
    ++number;
    if (std::ranges::count(line, '.') > k_max_dots_a_line) {
      throw Error(ErrorKind::malformed, fmt::format("{}:{}", where, number),
                  "a line with more dots than any manifest has");
    }
  }
}

bool is_bare_key(std::string_view key) {
  return !key.empty() && std::ranges::all_of(key, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

std::string position(const std::string& where, const toml::source_region& source) {
  return source.begin.line == 0 ? where : fmt::format("{}:{}", where, source.begin.line);
}

}  // namespace

toml::table parse_toml(std::string_view text, const std::string& where) {
  check_bounds(text, where);
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    throw Error(ErrorKind::malformed, position(where, error.source()),
                fmt::format("not valid TOML: {}", escape_unprintable(error.description())));
  }
}

std::string toml_string(std::string_view text) {
  if (!is_utf8(text)) {
    throw Error(ErrorKind::usage, escape_unprintable(text), "expected text in UTF-8, which a manifest takes alone, found other bytes",
                "rename it");
  }
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\t') {
      quoted += "\\t";
    } else if (byte < 0x20 || byte == 0x7F) {
      fmt::format_to(std::back_inserter(quoted), "\\u{:04X}", byte);
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string toml_number(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  auto text = fmt::format("{}", value);  // the shortest that reads back exactly
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string toml_key(std::string_view key) { return is_bare_key(key) ? std::string(key) : toml_string(key); }

std::string toml_integers(std::span<const std::int64_t> values) { return fmt::format("[{}]", fmt::join(values, ", ")); }

std::string toml_strings(std::span<const std::string> values) {
  std::vector<std::string> quoted(values.size());
  std::ranges::transform(values, quoted.begin(), [](const std::string& v) { return toml_string(v); });
  return fmt::format("[{}]", fmt::join(quoted, ", "));
}

std::string toml_value(const FactValue& value) {
  return std::visit(
      [](const auto& v) -> std::string {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::vector<std::string>>) {
          return toml_strings(v);
        } else if constexpr (std::is_same_v<T, std::string>) {
          return toml_string(v);
        } else if constexpr (std::is_same_v<T, double>) {
          return toml_number(v);
        } else {
          return fmt::format("{}", v);
        }
      },
      value);
}

TomlReader::TomlReader(const toml::table& table, std::string path, const std::string& where)
    : m_table(table), m_path(std::move(path)), m_where(where) {}

void TomlReader::fail(std::string_view key, std::string_view expected) const {
  const auto* const node = m_table.get(key);
  const auto& source = node == nullptr ? m_table.source() : node->source();
  std::string found = "nothing";
  if (node != nullptr) {
    std::ostringstream kind;
    kind << node->type();
    found = kind.str();
  }
  throw Error(ErrorKind::malformed, position(m_where, source),
              fmt::format("{}{}: expected {}, found {}", m_path, escape_unprintable(key), expected, found));
}

const toml::node* TomlReader::member(std::string_view key) {
  m_asked.emplace_back(key);
  return m_table.get(key);
}

template <typename T>
T TomlReader::required(std::string_view key, std::string_view expected) {
  const auto* const node = member(key);
  if (node == nullptr) fail(key, expected);
  const auto value = node->value_exact<T>();
  if (!value) fail(key, expected);
  return *value;
}

std::string TomlReader::text(std::string_view key) { return required<std::string>(key, "a string"); }
std::string TomlReader::text_or(std::string_view key, std::string_view fallback) {
  return m_table.contains(key) ? text(key) : (m_asked.emplace_back(key), std::string(fallback));
}

std::string TomlReader::day(std::string_view key) {
  const auto* const node = member(key);
  if (node != nullptr && node->is_string()) return text(key);
  const auto date = node == nullptr ? std::nullopt : node->value_exact<toml::date>();
  if (!date) fail(key, "a day such as 2026-12-31");
  return fmt::format("{:04}-{:02}-{:02}", date->year, date->month, date->day);
}

std::int64_t TomlReader::integer(std::string_view key) { return required<std::int64_t>(key, "an integer"); }
bool TomlReader::boolean(std::string_view key) { return required<bool>(key, "true or false"); }

double TomlReader::number(std::string_view key) {
  const auto* const node = member(key);
  const auto value = node == nullptr ? std::nullopt : node->value<double>();
  if (!value) fail(key, "a number");
  return *value;
}

std::vector<std::int64_t> TomlReader::integers(std::string_view key) {
  const auto* const node = member(key);
  const auto* const array = node == nullptr ? nullptr : node->as_array();
  if (array == nullptr) fail(key, "a list of integers");
  std::vector<std::int64_t> values;
  for (const auto& item : *array) {
    const auto value = item.value_exact<std::int64_t>();
    if (!value) fail(key, "a list of integers");
    values.push_back(*value);
  }
  return values;
}

std::vector<double> TomlReader::numbers(std::string_view key) {
  const auto* const node = member(key);
  const auto* const array = node == nullptr ? nullptr : node->as_array();
  if (array == nullptr) fail(key, "a list of numbers");
  std::vector<double> values;
  for (const auto& item : *array) {
    const auto value = item.value<double>();
    if (!value) fail(key, "a list of numbers");
    values.push_back(*value);
  }
  return values;
}

std::vector<std::string> TomlReader::strings_or_empty(std::string_view key) {
  const auto* const node = member(key);
  if (node == nullptr) return {};
  const auto* const array = node->as_array();
  if (array == nullptr) fail(key, "a list of strings");
  std::vector<std::string> values;
  for (const auto& item : *array) {
    auto value = item.value_exact<std::string>();
    if (!value) fail(key, "a list of strings");
    values.push_back(*std::move(value));
  }
  return values;
}

const toml::table* TomlReader::table(std::string_view key) {
  const auto* const node = member(key);
  if (node == nullptr) return nullptr;
  if (!node->is_table()) fail(key, "a table");
  return node->as_table();
}

std::vector<const toml::table*> TomlReader::tables(std::string_view key) {
  const auto* const node = member(key);
  if (node == nullptr) return {};
  const auto* const array = node->as_array();
  if (array == nullptr) fail(key, "a list of tables");
  std::vector<const toml::table*> result;
  for (const auto& item : *array) {
    if (!item.is_table()) fail(key, "a list of tables");
    result.push_back(item.as_table());
  }
  return result;
}

void TomlReader::collect_unknown(std::vector<std::string>& unknown) const {
  for (const auto& [key, node] : m_table) {
    if (std::ranges::find(m_asked, key.str()) == m_asked.end()) unknown.push_back(m_path + std::string(key.str()));
  }
}

void TomlReader::refuse_unknown() const {
  for (const auto& [key, node] : m_table) {
    if (std::ranges::find(m_asked, key.str()) != m_asked.end()) continue;
    const auto near = did_you_mean(key.str(), m_asked);
    throw Error(
        ErrorKind::malformed, position(m_where, key.source()),
        fmt::format("unknown key {}{}", m_path, escape_unprintable(key.str())),
        near ? fmt::format("did you mean {}?", *near) : fmt::format("expected one of {}", fmt::join(m_asked, ", ")));
  }
}

}  // namespace goldseal
