// SPDX-License-Identifier: Apache-2.0
// The reports of a fleet say the same thousand texts ten thousand times. Each text is kept once and known by a number,
// so that a report takes a few hundred bytes of memory and two of its facts are compared as numbers.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace goldseal::fleet {

/// The number of a text; 0 is that of the empty one.
using Id = std::uint32_t;

/// All texts of a fleet. `add` may be called from several threads; `text` only once no thread adds any more, or for a
/// number that this thread was given.
class Names {
 public:
  Names();
  [[nodiscard]] Id add(std::string_view text);
  [[nodiscard]] std::string_view text(Id id) const;
  /// The number of a text that is there; 0 where it is not.
  [[nodiscard]] Id find(std::string_view text) const;

 private:
  mutable std::mutex m_lock;
  std::deque<std::string> m_texts;  // never moved: views of them are kept
  std::unordered_map<std::string_view, Id> m_ids;
};

/// What one thread knows of them, so that it seldom waits for the others.
class LocalNames {
 public:
  explicit LocalNames(Names& all) : m_all(all) {}
  [[nodiscard]] Id add(std::string_view text);
  [[nodiscard]] std::string_view text(Id id) const { return m_all.text(id); }

 private:
  Names& m_all;
  std::unordered_map<std::string_view, Id> m_known;
};

}  // namespace goldseal::fleet
