// SPDX-License-Identifier: Apache-2.0
// What a rule that explains a match looks at, and what it says. key_causes.cpp has the list of rules.
#pragma once

#include <goldseal/checkpoint/keys/keys.hpp>

#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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
  [[nodiscard]] std::vector<std::string_view> missing_names() const {
    std::vector<std::string_view> names;
    for (const auto place : match.missing) names.push_back(want[place].name);
    return names;
  }
  [[nodiscard]] std::vector<std::string_view> unexpected_names() const {
    std::vector<std::string_view> names;
    for (const auto place : match.unexpected) names.push_back(have[place].name);
    return names;
  }
  /// The network's names of what both sides have, in the same shape.
  [[nodiscard]] std::set<std::string, std::less<>> names_of_pairs() const {
    std::set<std::string, std::less<>> names;
    for (const auto& [of_file, of_network] : match.pairs) names.insert(want[of_network].name);
    return names;
  }
  [[nodiscard]] std::size_t met() const { return match.pairs.size() + match.mismatched.size(); }
  [[nodiscard]] bool names_met() const { return match.missing.empty() && match.unexpected.empty(); }
};

}  // namespace goldseal
