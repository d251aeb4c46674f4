// SPDX-License-Identifier: Apache-2.0
// Decimal digits, whatever the locale.
#pragma once

#include <algorithm>
#include <string_view>

namespace goldseal {

[[nodiscard]] constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// One digit at least, and nothing else.
[[nodiscard]] constexpr bool is_all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_digit);
}

}  // namespace goldseal
