// SPDX-License-Identifier: Apache-2.0
#include <goldseal/report/reading/json_reader.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <limits>

namespace goldseal {
namespace {

constexpr std::array<std::string_view, 6> k_kind_names{"null", "boolean", "number", "string", "array", "object"};
// A string of several bytes and its comma: memory is taken once for most texts.
constexpr std::size_t k_bytes_a_value = 16;

constexpr std::string_view k_remedy = "give the file that `--report json=PATH` wrote";

/// What nlohmann/json calls while it reads; each value is put behind the last.
class Collector : public nlohmann::json_sax<nlohmann::json> {
 public:
  Collector(std::string_view text, const std::string& where, int depth, std::string& words,
            std::vector<JsonValue>& values)
      : m_text(text), m_where(where), m_depth(depth), m_words(words), m_values(values) {}

  bool null() override { return add(JsonKind::null, {}); }
  bool boolean(bool) override { return add(JsonKind::boolean, {}); }
  bool number_integer(number_integer_t value) override { return add(JsonKind::number, fmt::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override { return add(JsonKind::number, fmt::to_string(value)); }
  bool number_float(number_float_t, const string_t& written) override { return add(JsonKind::number, written); }
  bool string(string_t& value) override { return add(JsonKind::string, value); }
  bool binary(binary_t&) override { return false; }  // JSON has none
  bool key(string_t& value) override {
    add(JsonKind::string, value);
    // A name is counted with its value.
    --m_values[m_open.back()].size;
    return true;
  }
  bool start_object(std::size_t) override { return open(JsonKind::object); }
  bool start_array(std::size_t) override { return open(JsonKind::array); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception& error) override {
    const auto before = m_text.substr(0, std::min(position == 0 ? 0 : position - 1, m_text.size()));
    const auto newline = before.rfind('\n');
    const auto column = before.size() - (newline == std::string_view::npos ? 0 : newline + 1) + 1;
    throw Error(ErrorKind::malformed, fmt::format("{}:{}:{}", m_where, 1 + std::ranges::count(before, '\n'), column),
                fmt::format("not JSON: {}", escape_unprintable(reason(error.what()))), std::string(k_remedy));
  }

 private:
  // nlohmann/json says "[json.exception…] parse error at line 1, column 2: why", or "[json.exception…] why".
  static std::string_view reason(std::string_view what) {
    for (const std::string_view introduction : {"] ", "parse error at line ", ": "}) {
      const auto found = what.find(introduction);
      if (found == std::string_view::npos) break;
      what.remove_prefix(found + introduction.size());
    }
    return what;
  }

  bool add(JsonKind kind, std::string_view words) {
    if (!m_open.empty()) ++m_values[m_open.back()].size;
    const auto next = static_cast<std::uint32_t>(m_values.size() + 1);
    m_values.push_back(
        {static_cast<std::uint32_t>(m_words.size()), static_cast<std::uint32_t>(words.size()), next, kind});
    m_words += words;
    return true;
  }

  bool open(JsonKind kind) {
    if (m_open.size() >= static_cast<std::size_t>(m_depth)) {
      throw Error(ErrorKind::malformed, m_where, fmt::format("not a report: nested more than {} deep", m_depth),
                  std::string(k_remedy));
    }
    add(kind, {});
    m_open.push_back(static_cast<std::uint32_t>(m_values.size() - 1));
    return true;
  }

  bool close() {
    m_values[m_open.back()].next = static_cast<std::uint32_t>(m_values.size());
    m_open.pop_back();
    return true;
  }

  std::string_view m_text;
  const std::string& m_where;
  int m_depth;
  std::string& m_words;
  std::vector<JsonValue>& m_values;
  std::vector<std::uint32_t> m_open;  // arrays and objects that have not ended, the innermost last
};

}  // namespace

std::string_view to_string(JsonKind kind) { return k_kind_names[static_cast<std::size_t>(kind)]; }

JsonDocument::JsonDocument(std::string_view text, const std::string& where, int depth) {
  // Numbers grow by little when they are written again: a quarter keeps every place within 32 bits.
  if (text.size() > std::numeric_limits<std::uint32_t>::max() / 4)
    throw Error(ErrorKind::malformed, where, "expected a report of at most 1 GiB, found a larger file");
  // The parser takes one for the end of the text: what follows would be there, and read by nobody.
  if (const auto zero = text.find('\0'); zero != std::string_view::npos)
    throw Error(ErrorKind::malformed, where, fmt::format("not JSON: a zero byte at byte {}, as texts in UTF-16 have", zero),
                std::string(k_remedy));
  m_values.reserve(text.size() / k_bytes_a_value);
  m_words.reserve(text.size());
  Collector collector(text, where, depth, m_words, m_values);
  nlohmann::json::sax_parse(text, &collector);
}

std::uint32_t JsonDocument::member(std::uint32_t index, std::string_view name, std::uint32_t after) const {
  for (auto key = after == 0 ? index + 1 : m_values[after].next; key < m_values[index].next;
       key = m_values[key + 1].next) {
    if (is(m_values[key], name)) return key + 1;
  }
  return 0;
}

}  // namespace goldseal
