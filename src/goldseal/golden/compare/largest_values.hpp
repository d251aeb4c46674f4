// SPDX-License-Identifier: Apache-2.0
// Where the largest values of a tensor stand: for a classifier the classes that it answers.
#pragma once

#include <array>
#include <cstddef>

namespace goldseal::golden {

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

}  // namespace goldseal::golden
