// SPDX-License-Identifier: Apache-2.0
// Pictures as numbers: the planes of a stack of them, how far two lie apart, and whether one is the other seen through
// another resize.
#pragma once

#include <goldseal/golden/tensors/host_tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace goldseal::golden {

using Values = std::vector<double>;

inline constexpr std::size_t k_colours = 3;

/// A stack of pictures: planes of height x width, `colours` of them each.
struct PictureStack {
  std::size_t pictures = 1;
  std::size_t colours = 1;
  std::size_t height = 1;
  std::size_t width = 1;

  [[nodiscard]] std::size_t area() const { return height * width; }
  [[nodiscard]] std::size_t at(std::size_t p, std::size_t c, std::size_t y, std::size_t x) const {
    return ((p * colours + c) * height + y) * width + x;
  }
};

[[nodiscard]] Values values_of(const HostTensor& tensor);
/// Of a shape of rank 3 or 4 with three channels first; nothing for another.
[[nodiscard]] std::optional<PictureStack> as_pictures(const std::vector<std::int64_t>& shape);

/// From the least to the greatest; the size of the value where all are the same.
[[nodiscard]] double range_of(const Values& values);
/// NaN where one of the differences is.
[[nodiscard]] double largest_difference(const Values& a, const Values& b);
[[nodiscard]] double mean_difference(const Values& a, const Values& b);

/// Each element from where `source` says: picture, colour, row, column.
[[nodiscard]] Values moved(
    const Values& values, const PictureStack& stack,
    const std::function<std::size_t(std::size_t, std::size_t, std::size_t, std::size_t)>& source);
[[nodiscard]] Values colours_reversed(const Values& values, const PictureStack& stack);

/// Two views of one picture whose difference follows its steepness, as those of two resizes do.
[[nodiscard]] bool follows_edges(const Values& found, const Values& made, const PictureStack& stack);

}  // namespace goldseal::golden
