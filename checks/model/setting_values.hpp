// SPDX-License-Identifier: Apache-2.0
// A layer keeps its settings as they were written, so two networks that are built alike may tell them otherwise: MaxPool2d(2)
// and MaxPool2d((2, 2)), ELU(1) and ELU(1.0), padding="same" and padding=1. This file says which of them mean the same.
#pragma once

#include <map>
#include <string>

namespace goldseal {

using Configuration = std::map<std::string, std::string>;  ///< settings by their dotted paths, as Python writes the values

/// What float32 tensors of two processors may differ by, relative, in a number that a network reckons with them: four
/// roundings, since a linspace is a product and a sum, each in either order.
inline constexpr double k_float32_roundings = 0x1p-22;

/// Whether a float32 tensor's element may have become this number, and nobody wrote it: 0.1 and 1e-5 are none.
[[nodiscard]] bool is_of_float32(double value);

/// Whether `key` means the same in both: equal texts and numbers, a number and a tuple of nothing else, a list and a tuple,
/// numbers that float32 tensors gave and that differ by their roundings, a convolution's padding in words and the number
/// that it comes to. A key that one of them lacks is another setting.
[[nodiscard]] bool same_setting(const std::string& key, const Configuration& one, const Configuration& other);

}  // namespace goldseal
