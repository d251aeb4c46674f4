// SPDX-License-Identifier: Apache-2.0
#include "darknet/darknet_sections.hpp"

#include "darknet/files.hpp"
#include "darknet/refusal.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

namespace goldseal::worker {
namespace {

constexpr std::size_t k_max_cfg_bytes = 1 << 20;
constexpr std::size_t k_max_sections = 4096;
constexpr std::size_t k_max_options = 64;
constexpr std::size_t k_max_list = 256;

std::string_view trimmed(std::string_view text) {
  const auto blank = " \t\r";
  const auto begin = text.find_first_not_of(blank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blank) - begin + 1);
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// What a file may hold in a message: its first 40 characters, control characters shown as '?'.
std::string shown(std::string_view text) {
  std::string safe(text.substr(0, 40));
  for (auto& c : safe)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return text.size() > 40 ? safe + "…" : safe;
}

std::string place(const std::string& file, int line) { return file + ":" + std::to_string(line); }

DarknetSection parse_section_name(const std::string& path, std::string_view line, int number) {
  const auto close = line.find(']');
  if (close == std::string_view::npos || close == 1)
    throw Refusal(RefusalKind::malformed, "a section is `[name]`; found `" + shown(line) + "`", place(path, number));
  return {path, std::string(trimmed(line.substr(1, close - 1))), number};
}

DarknetSection::Option parse_option(const std::string& path, std::string_view line, int number) {
  const auto equals = line.find('=');
  if (equals == std::string_view::npos || trimmed(line.substr(0, equals)).empty())
    throw Refusal(RefusalKind::malformed,
                  "a line is `[section]`, `key=value` or a comment; found `" + shown(line) + "`", place(path, number));
  return {std::string(trimmed(line.substr(0, equals))), std::string(trimmed(line.substr(equals + 1))), number};
}

template <class Number>
std::optional<std::vector<Number>> parse_list(std::string_view text) {
  std::vector<Number> values;
  // Darknet's own reader lets a list end with a comma.
  if (!text.empty() && text.back() == ',') text.remove_suffix(1);
  for (bool more = true; more;) {
    const auto comma = text.find(',');
    more = comma != std::string_view::npos;
    const auto value = parse_number<Number>(trimmed(text.substr(0, comma)));
    if (!value || values.size() == k_max_list) return std::nullopt;
    values.push_back(*value);
    if (more) text.remove_prefix(comma + 1);
  }
  return values;
}

}  // namespace

DarknetSection::DarknetSection(std::string file, std::string name, int line)
    : m_file(std::move(file)), m_name(std::move(name)), m_line(line) {}

void DarknetSection::add(Option option) {
  if (const auto* before = find(option.key))
    throw Refusal(RefusalKind::malformed,
                  "`" + shown(option.key) + "` stands twice in [" + shown(m_name) + "], first in line " +
                      std::to_string(before->line),
                  place(m_file, option.line));
  if (m_options.size() == k_max_options)
    throw Refusal(RefusalKind::malformed,
                  "section [" + shown(m_name) + "] has more than " + std::to_string(k_max_options) + " options",
                  place(m_file, option.line));
  m_options.push_back(std::move(option));
}

std::string DarknetSection::where() const { return place(m_file, m_line); }

int DarknetSection::line(std::string_view key) const {
  const auto* option = find(key);
  return option ? option->line : m_line;
}

std::string DarknetSection::where(std::string_view key) const { return place(m_file, line(key)); }

std::string DarknetSection::text(std::string_view key, std::string_view absent) const {
  const auto* option = find(key);
  return option ? option->value : std::string(absent);
}

std::int64_t DarknetSection::integer(std::string_view key, std::int64_t absent, std::int64_t least,
                                     std::int64_t most) const {
  const auto* option = find(key);
  if (!option) return absent;
  const auto value = parse_number<std::int64_t>(option->value);
  if (!value || *value < least || *value > most)
    refuse_value(*option, "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return *value;
}

double DarknetSection::number(std::string_view key, double absent) const {
  const auto* option = find(key);
  if (!option) return absent;
  const auto value = parse_number<double>(option->value);
  if (!value || !std::isfinite(*value) || *value < 0) refuse_value(*option, "a number that is not negative");
  return *value;
}

std::vector<std::int64_t> DarknetSection::integers(std::string_view key) const {
  const auto& option = require(key);
  auto values = parse_list<std::int64_t>(option.value);
  if (!values) refuse_value(option, "up to 256 whole numbers with commas between them");
  return std::move(*values);
}

std::vector<double> DarknetSection::numbers(std::string_view key) const {
  const auto& option = require(key);
  auto values = parse_list<double>(option.value);
  if (!values) refuse_value(option, "up to 256 numbers with commas between them");
  return std::move(*values);
}

void DarknetSection::allow(std::initializer_list<std::string_view> keys) const {
  for (const auto& option : m_options)
    if (std::find(keys.begin(), keys.end(), option.key) == keys.end())
      throw Refusal(RefusalKind::unsupported,
                    "option `" + shown(option.key) + "` of [" + shown(m_name) +
                        "] is not known; it might change what the layer computes",
                    place(m_file, option.line));
}

const DarknetSection::Option* DarknetSection::find(std::string_view key) const {
  const auto found = std::find_if(m_options.begin(), m_options.end(), [&](const Option& o) { return o.key == key; });
  return found == m_options.end() ? nullptr : &*found;
}

const DarknetSection::Option& DarknetSection::require(std::string_view key) const {
  if (const auto* option = find(key)) return *option;
  throw Refusal(RefusalKind::malformed, "section [" + m_name + "] lacks `" + std::string(key) + "=`", where());
}

void DarknetSection::refuse_value(const Option& option, const std::string& expected) const {
  throw Refusal(RefusalKind::malformed, "`" + option.key + "` is " + expected + "; found `" + shown(option.value) + "`",
                place(m_file, option.line));
}

std::vector<DarknetSection> read_darknet_sections(const std::string& path) {
  const auto text = read_text_file(path, k_max_cfg_bytes);
  std::vector<DarknetSection> sections;
  int number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    ++number;
    const auto end = rest.find('\n');
    const auto line = trimmed(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line[0] == '[') {
      if (sections.size() == k_max_sections)
        throw Refusal(RefusalKind::malformed, "more than " + std::to_string(k_max_sections) + " sections",
                      place(path, number));
      sections.push_back(parse_section_name(path, line, number));
    } else {
      if (sections.empty())
        throw Refusal(RefusalKind::malformed, "an option stands before the first section: `" + shown(line) + "`",
                      place(path, number));
      sections.back().add(parse_option(path, line, number));
    }
  }
  if (sections.empty()) throw Refusal(RefusalKind::malformed, "a Darknet cfg has sections; this file has none", path);
  return sections;
}

}  // namespace goldseal::worker
