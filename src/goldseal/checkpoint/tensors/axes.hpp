// SPDX-License-Identifier: Apache-2.0
// A converted weight is often the same tensor with its axes in another order. This file lists the
// possible orders and applies one. Whether an order explains a difference is decided by its
// callers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace goldseal {

/// A tensor's axes in another order, as torch.permute takes them: axis i of the result is axis `order[i]`.
using AxisOrder = std::vector<std::size_t>;

/// The orders, the plain one left out, in which axes of the sizes `from` have the sizes `to`; none for more than four
/// axes, or for other sizes.
[[nodiscard]] std::vector<AxisOrder> axis_orders(std::span<const std::int64_t> from, std::span<const std::int64_t> to);

/// The elements (`item` bytes each, row-major) of a tensor with its axes in that order.
[[nodiscard]] std::vector<std::byte> with_axes(std::span<const std::byte> elements, std::size_t item,
                                               std::span<const std::int64_t> shape, const AxisOrder& order);

/// The same elements with one axis run backwards: channels of BGR for RGB, a kernel mirrored.
[[nodiscard]] std::vector<std::byte> with_axis_reversed(std::span<const std::byte> elements, std::size_t item,
                                                        std::span<const std::int64_t> shape, std::size_t axis);

/// `transposed`, or `with axes (2, 0, 1)`.
[[nodiscard]] std::string describe(const AxisOrder& order);

}  // namespace goldseal
