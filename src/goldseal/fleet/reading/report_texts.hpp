// SPDX-License-Identifier: Apache-2.0
// What a report may hold is bounded here: how long its texts are, how many there are, and how often a member stands in
// an object. Each part of a report is read through it.
#pragma once

#include <goldseal/fleet/reading/json_cursor.hpp>
#include <goldseal/fleet/reading/names.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace goldseal::fleet {

inline constexpr std::size_t k_most_text = 1U << 20U;  // that one report may add to what is kept
inline constexpr std::size_t k_longest_message = 400;
inline constexpr std::size_t k_longest_name = 253;

/// Which members of an object were read, as bits that the caller numbers.
class Members {
 public:
  explicit Members(JsonCursor& json) : m_json(json) {}
  /// Throws Error{malformed} where the member was read before: readers differ in which of two counts, and so would
  /// their verdicts.
  void once(unsigned bit) {
    if ((m_seen & (1U << bit)) != 0) m_json.fail("a member stands twice");
    m_seen |= 1U << bit;
  }
  [[nodiscard]] bool has(unsigned bit) const { return (m_seen & (1U << bit)) != 0; }

 private:
  JsonCursor& m_json;
  std::uint32_t m_seen = 0;
};

/// The texts that are kept of one report.
class ReportTexts {
 public:
  ReportTexts(JsonCursor& json, LocalNames& names) : m_json(json), m_names(names) {}

  /// The text that the cursor stands at, and any other, cut to `limit` bytes.
  Id next(std::size_t limit = k_longest_message) { return keep(m_json.text(), limit); }
  Id keep(std::string_view text, std::size_t limit);
  /// The same uncut. Throws Error{malformed} once a report has more than `k_most_text` of them.
  Id kept(std::string_view text);
  /// A text of goldseal's own, which counts towards no limit.
  Id add(std::string_view text) { return m_names.add(text); }
  [[nodiscard]] std::string_view text(Id id) const { return m_names.text(id); }

 private:
  JsonCursor& m_json;
  LocalNames& m_names;
  std::size_t m_kept = 0;
};

/// Adds a pair of numbers to a text of them: see unpack (node_report.hpp).
void pack(std::string& packed, Id first, Id second);

}  // namespace goldseal::fleet
