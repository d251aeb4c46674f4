// SPDX-License-Identifier: Apache-2.0
// What a rule that explains a match looks at, and what it says. key_causes.cpp has the list of rules.
#pragma once

#include <goldseal/checkpoint/keys/keys.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace goldseal {

/// The likely reason, and what to do.
struct KeyExplanation {
  std::string cause;
  std::string remedy;
};
using KeyGuess = std::optional<KeyExplanation>;

inline constexpr std::size_t k_named = 3;  // of each kind, in a sentence

/// What a rule of the list looks at.
struct KeyCase {
  std::span<const Key> have;
  std::span<const Key> want;
  const KeyMatch& match;

  [[nodiscard]] const std::string& missing(std::size_t i) const { return want[match.missing[i]].name; }
  [[nodiscard]] const std::string& unexpected(std::size_t i) const { return have[match.unexpected[i]].name; }
  [[nodiscard]] std::size_t met() const { return match.pairs.size() + match.mismatched.size(); }
  [[nodiscard]] bool names_met() const { return match.missing.empty() && match.unexpected.empty(); }
};

}  // namespace goldseal
