// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/tensors/axes.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <numeric>

namespace goldseal {
namespace {

constexpr std::size_t k_most_axes = 4;

// Bytes between neighbours along each axis.
std::vector<std::size_t> strides_of(std::span<const std::int64_t> shape, std::size_t item) {
  std::vector<std::size_t> strides(shape.size(), item);
  for (std::size_t axis = shape.size(); axis-- > 1;)
    strides[axis - 1] = strides[axis] * static_cast<std::size_t>(shape[axis]);
  return strides;
}

// Row by row of the result, `place` counts where in the source the next element lies.
std::vector<std::byte> gathered(std::span<const std::byte> elements, std::size_t item,
                                const std::vector<std::size_t>& sizes, const std::vector<std::ptrdiff_t>& steps,
                                std::ptrdiff_t place) {
  std::vector<std::byte> result(elements.size());
  std::vector<std::size_t> index(sizes.size());
  for (std::size_t out = 0; out < result.size(); out += item) {
    std::memcpy(&result[out], &elements[static_cast<std::size_t>(place)], item);
    for (std::size_t axis = sizes.size(); axis-- > 0;) {
      place += steps[axis];
      if (++index[axis] < sizes[axis]) break;
      place -= steps[axis] * static_cast<std::ptrdiff_t>(sizes[axis]);
      index[axis] = 0;
    }
  }
  return result;
}

}  // namespace

std::vector<AxisOrder> axis_orders(std::span<const std::int64_t> from, std::span<const std::int64_t> to) {
  if (from.size() != to.size() || from.size() < 2 || from.size() > k_most_axes) return {};
  AxisOrder order(from.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::vector<AxisOrder> orders;
  while (std::ranges::next_permutation(order).found) {
    const auto fits = [&](std::size_t i) { return from[order[i]] == to[i]; };
    std::size_t good = 0;
    while (good < order.size() && fits(good)) ++good;
    if (good == order.size()) orders.push_back(order);
  }
  return orders;
}

std::vector<std::byte> with_axes(std::span<const std::byte> elements, std::size_t item,
                                 std::span<const std::int64_t> shape, const AxisOrder& order) {
  const auto strides = strides_of(shape, item);
  std::vector<std::size_t> sizes;
  std::vector<std::ptrdiff_t> steps;
  for (const auto axis : order) {
    sizes.push_back(static_cast<std::size_t>(shape[axis]));
    steps.push_back(static_cast<std::ptrdiff_t>(strides[axis]));
  }
  return gathered(elements, item, sizes, steps, 0);
}

std::vector<std::byte> with_axis_reversed(std::span<const std::byte> elements, std::size_t item,
                                          std::span<const std::int64_t> shape, std::size_t axis) {
  std::vector<std::size_t> sizes;
  std::vector<std::ptrdiff_t> steps;
  for (const auto size : shape) sizes.push_back(static_cast<std::size_t>(size));
  for (const auto stride : strides_of(shape, item)) steps.push_back(static_cast<std::ptrdiff_t>(stride));
  const auto last = elements.empty() ? 0 : steps[axis] * static_cast<std::ptrdiff_t>(sizes[axis] - 1);
  steps[axis] = -steps[axis];
  return gathered(elements, item, sizes, steps, last);
}

std::string describe(const AxisOrder& order) {
  if (order == AxisOrder{1, 0}) return "transposed";
  return fmt::format("with axes ({})", fmt::join(order, ", "));
}

}  // namespace goldseal
