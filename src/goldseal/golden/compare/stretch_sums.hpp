// SPDX-License-Identifier: Apache-2.0
// The inner loop of a comparison of numbers: how far two stretches of memory lie apart. comparison.hpp cuts tensors into
// stretches, converts other dtypes and uses several threads.
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

}  // namespace goldseal::golden
