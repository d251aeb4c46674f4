// SPDX-License-Identifier: Apache-2.0
// Whether the rows of two tensors have their largest values at the same places. Short rows are looked at eight at a time.
#pragma once

#include <goldseal/golden/compare/largest_values.hpp>

#include <cstddef>

namespace goldseal::golden {

/// Rows whose largest value, or five largest, stand at the same places on both sides.
struct RowAgreement {
  std::size_t rows = 0;
  std::size_t same_first = 0;
  std::size_t same_five = 0;

  void add(const LargestValues& found, const LargestValues& reference);
  void append(const RowAgreement& other);
};

/// The longest row whose places fit into a word, and the rows that are looked at together.
inline constexpr std::size_t k_short_row = 64;
inline constexpr std::size_t k_rows_at_once = 8;

/// Adds k_rows_at_once rows of `row` elements, at most k_short_row, `T` (float or double) beside double.
template <typename T>
void add_short_rows(const std::byte* found, const std::byte* reference, std::size_t row, RowAgreement& agreement);

}  // namespace goldseal::golden
