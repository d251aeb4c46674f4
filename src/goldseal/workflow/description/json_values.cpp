// SPDX-License-Identifier: Apache-2.0
// A configuration is kept value by value, so that a report can say which one differs. The manifest stays small: long
// values, lists and large tables are kept as digests.
#include <goldseal/workflow/description/json_values.hpp>

#include <goldseal/base/bytes/sha256.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <span>

namespace goldseal {
namespace {

using Json = nlohmann::json;
using Values = std::map<std::string, std::string>;

constexpr int k_most_depth = 32;
constexpr std::size_t k_most_members = 48;  // of an object that is taken apart: a vocabulary has thousands
constexpr std::size_t k_longest = 96;       // of a value that is kept as it is
constexpr std::size_t k_most_values = 256;  // of a file

// They change with who writes the file, and no network is built by them.
constexpr std::array<std::string_view, 7> k_of_the_writer{
    "transformers_version", "_name_or_path", "name_or_path", "_commit_hash", "_diffusers_version", "__version__",
    "_sentence_transformers_version"};

bool is_of_the_writer(std::string_view key) {
  return std::ranges::find(k_of_the_writer, key) != k_of_the_writer.end();
}

std::string text_of(const Json& value) {
  auto text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() <= k_longest) return text;
  return fmt::format("sha256 {}", to_hex(sha256(std::as_bytes(std::span(text)))));
}

// Keys with dots in them are told from paths by quotes.
std::string joined(const std::string& prefix, const std::string& key) {
  const auto part = key.find('.') == std::string::npos ? key : fmt::format("\"{}\"", key);
  return prefix.empty() ? part : fmt::format("{}.{}", prefix, part);
}

// Python keeps every digit of an integer; a double here would not. Its file is known by its digest alone.
bool has_huge_integer(std::string_view text) {
  constexpr std::size_t k_digits_of_any = 18;
  std::size_t digits = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\') ++i;
    if (c == '"') quoted = !quoted;
    digits = !quoted && c >= '0' && c <= '9' ? digits + 1 : 0;
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    const char before = i >= digits ? text[i - digits] : '\0';
    const bool whole = before != '.' && before != 'e' && before != 'E' && next != '.' && next != 'e' && next != 'E';
    if (digits > k_digits_of_any && !(next >= '0' && next <= '9') && whole) return true;
  }
  return false;
}

class Flattener {
 public:
  void add(const Json& object, const std::string& prefix) {
    for (const auto& [key, value] : object.items()) {
      if (prefix.empty() && is_of_the_writer(key)) continue;
      const auto name = joined(prefix, key);
      const bool apart = value.is_object() && !value.empty() && value.size() <= k_most_members &&
                         m_values.size() + value.size() <= k_most_values;
      if (apart) {
        add(value, name);
      } else if (m_values.size() < k_most_values) {
        m_values[name] = text_of(value);
      } else {
        m_rest[name] = value;
      }
    }
  }

  Values take() {
    if (!m_rest.empty()) m_values["…"] = text_of(m_rest);
    return std::move(m_values);
  }

 private:
  Values m_values;
  Json m_rest = Json::object();
};

}  // namespace

std::optional<Values> json_values(std::string_view text) {
  // A byte order mark is an error to the libraries that read these files.
  if (text.size() > k_most_json_bytes || text.starts_with("\xEF\xBB\xBF") || has_huge_integer(text)) return std::nullopt;
  bool deep = false;
  const auto bounded = [&](int depth, Json::parse_event_t, Json&) {
    deep = deep || depth > k_most_depth;
    return !deep;
  };
  auto document = Json::parse(text, bounded, false);
  if (deep || document.is_discarded()) return std::nullopt;
  // A list of parts (modules.json) by their places.
  if (document.is_array() && !document.empty() && document.size() <= k_most_members) {
    auto parts = Json::object();
    for (std::size_t i = 0; i < document.size(); ++i) parts[std::to_string(i)] = std::move(document[i]);
    document = std::move(parts);
  }
  if (!document.is_object()) return std::nullopt;
  Flattener flattener;
  flattener.add(document, "");
  return flattener.take();
}

}  // namespace goldseal
