// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal {

/// A version number as PyTorch, CUDA, drivers and glibc write theirs: `2.13.0a0+cu130` is numbers {2, 13, 0}, stage
/// `a0`, label `cu130`. The order is that of PEP 440 without epochs: missing numbers count as 0, a pre-release (`a`,
/// `b`, `rc`, `dev`) comes before its release, the label after `+` does not count.
struct Version {
  std::vector<std::int64_t> numbers;
  std::string stage;
  std::string label;

  /// The number at `place`, 0 where the version ends before it.
  [[nodiscard]] std::int64_t number(std::size_t place) const;
  /// True where the first `places` numbers are the same.
  [[nodiscard]] bool same_until(const Version& other, std::size_t places) const;
  friend std::weak_ordering operator<=>(const Version& a, const Version& b);
  friend bool operator==(const Version& a, const Version& b) { return std::is_eq(a <=> b); }
};

/// Nothing where the text does not begin with a digit (or `v` and a digit), or has letters where a number must be.
[[nodiscard]] std::optional<Version> parse_version(std::string_view text);

}  // namespace goldseal
