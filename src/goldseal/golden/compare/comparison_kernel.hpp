// SPDX-License-Identifier: Apache-2.0
// The inner loops of a comparison stand apart because they are compiled once for each kind of
// processor. Their sums come out the same on every processor, bit by bit. comparison.hpp cuts
// tensors into stretches, converts other dtypes and uses several threads.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace goldseal::golden {

/// A stretch of two tensors and the noise between them. Pointers need no alignment.
struct Stretch {
  const std::byte* found = nullptr;      ///< float or double
  const std::byte* reference = nullptr;  ///< double
  const std::uint8_t* codes = nullptr;
  const std::array<double, 256>* responses = nullptr;  ///< max(s, floor) by code
  std::size_t count = 0;
};

/// Sums and extremes over the elements of a stretch that are finite on both sides. Positions count from its start.
struct StretchSums {
  double error2 = 0;
  double found2 = 0;
  double reference2 = 0;
  double product = 0;
  double max_error = 0;
  double max_reference = 0;
  double max_ratio = 0;   ///< |e|/φ
  std::size_t worst = 0;  ///< the first element of max_ratio, if that is not 0
  std::size_t non_finite = 0;
  std::size_t mask_mismatches = 0;
  std::size_t first_mismatch = 0;
};

/// The same sums on every processor: eight interleaved partial sums, added in a fixed order, without fused
/// multiplications. `T` is float or double.
template <typename T>
[[nodiscard]] StretchSums sum_stretch(const Stretch& stretch);

/// A value and the place that has it.
struct Maximum {
  double value = 0;
  std::size_t index = 0;
};

/// The largest values so far, the greatest first; of equal ones the first in the tensor. NaN and -infinity take no
/// part.
class LargestValues {
 public:
  static constexpr std::size_t k_most = 5;

  /// Keeps `wanted` of them: 1 to k_most.
  explicit LargestValues(std::size_t wanted = k_most);

  /// To be called in the order of the places.
  void add(double value, std::size_t index);
  void add(const LargestValues& later);

  [[nodiscard]] double bar() const { return m_values[m_wanted - 1].value; }  ///< what a value must exceed to be kept
  [[nodiscard]] std::size_t wanted() const { return m_wanted; }
  [[nodiscard]] bool empty() const { return m_count == 0; }
  /// For a list without values: at least `wanted` values will exceed `bar`, so lower ones need not be kept.
  void expect_above(double bar);
  /// The place of the greatest; 0 of an empty list.
  [[nodiscard]] std::size_t first() const { return m_values[0].index; }
  /// True where both hold the same places, in whatever order.
  [[nodiscard]] bool same_places(const LargestValues& other) const;

 private:
  std::array<Maximum, k_most> m_values;
  std::size_t m_wanted;
  std::size_t m_count = 0;
};

/// Adds the elements of a stretch to `largest`; places count from `begin`. `T` is float or double.
template <typename T>
void find_largest(const std::byte* from, std::size_t count, std::size_t begin, LargestValues& largest);

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
