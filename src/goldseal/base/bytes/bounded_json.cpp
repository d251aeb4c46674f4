// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/bytes/bounded_json.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <unordered_set>
#include <utility>
#include <vector>

namespace goldseal {
namespace {

using nlohmann::json;

constexpr std::size_t k_longest_quotation = 120;

std::string shown_text(std::string_view text) {
  const auto shown = escape_unprintable(text.substr(0, k_longest_quotation));
  return text.size() > k_longest_quotation ? shown + "…" : shown;
}

/// Sees every value before it is built, and admits what is within the limits. Nothing here recurses.
class Guard {
 public:
  Guard(std::string_view text, const std::string& where, const JsonLimits& limits, const std::string& remedy)
      : m_where(where), m_limits(limits), m_remedy(remedy) {
    if (text.size() > limits.bytes)
      fail(fmt::format("expected a JSON text of at most {}, found {}", format_bytes(limits.bytes),
                       format_bytes(text.size())));
    // The parser takes one for the end of the text: what follows would be there, and read by nobody.
    if (const auto zero = text.find('\0'); zero != std::string_view::npos) fail(fmt::format("not JSON: a zero byte at byte {}", zero));
  }

  void open() {
    if (static_cast<int>(m_names.size()) >= m_limits.depth)
      fail(fmt::format("expected JSON that is nested at most {} deep, found more", m_limits.depth));
    m_names.emplace_back();
  }
  void close() { m_names.pop_back(); }
  void name(const std::string& name) {
    if (!m_names.back().insert(name).second)
      fail(fmt::format("the name '{}' stands twice in an object", shown_text(name)));
  }
  [[noreturn]] void fail(std::string message) const {
    throw Error(ErrorKind::malformed, m_where, std::move(message), m_remedy);
  }

 private:
  const std::string& m_where;
  const JsonLimits& m_limits;
  const std::string& m_remedy;
  std::vector<std::unordered_set<std::string>> m_names;  // of each array or object that has not ended
};

class Checker : public nlohmann::json_sax<json> {
 public:
  explicit Checker(Guard& guard) : m_guard(guard) {}
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return false; }  // JSON has none
  bool key(string_t& value) override {
    m_guard.name(value);
    return true;
  }
  bool start_object(std::size_t) override {
    m_guard.open();
    return true;
  }
  bool start_array(std::size_t) override {
    m_guard.open();
    return true;
  }
  bool end_object() override {
    m_guard.close();
    return true;
  }
  bool end_array() override {
    m_guard.close();
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const json::exception& error) override {
    m_guard.fail(fmt::format("not JSON at byte {}: {}", position, json_reason(error.what())));
  }

 private:
  Guard& m_guard;
};

}  // namespace

std::string json_reason(std::string_view what) {
  // "[json.exception.parse_error.101] parse error at line 1, column 2: why", or "[json.exception…] why".
  for (const std::string_view introduction : {"] ", "parse error at line ", ": "}) {
    const auto found = what.find(introduction);
    if (found == std::string_view::npos) break;
    what.remove_prefix(found + introduction.size());
  }
  return shown_text(what);
}

json parse_json(std::string_view text, const std::string& where, const JsonLimits& limits, const std::string& remedy) {
  Guard guard(text, where, limits, remedy);
  const auto admit = [&guard](int, json::parse_event_t event, const json& value) {
    switch (event) {
      case json::parse_event_t::object_start:
      case json::parse_event_t::array_start:
        guard.open();
        break;
      case json::parse_event_t::object_end:
      case json::parse_event_t::array_end:
        guard.close();
        break;
      case json::parse_event_t::key:
        guard.name(value.get_ref<const std::string&>());
        break;
      case json::parse_event_t::value:
        break;
    }
    return true;
  };
  try {
    return json::parse(text, admit);
  } catch (const json::exception& error) {
    guard.fail(fmt::format("not JSON: {}", json_reason(error.what())));
  }
}

void check_json(std::string_view text, const std::string& where, const JsonLimits& limits, const std::string& remedy) {
  Guard guard(text, where, limits, remedy);
  Checker checker(guard);
  json::sax_parse(text, &checker);
}

}  // namespace goldseal
