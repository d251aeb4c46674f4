// SPDX-License-Identifier: Apache-2.0
// A layer keeps its settings as they were written, so two networks that are built alike may tell them otherwise: MaxPool2d(2)
// and MaxPool2d((2, 2)), ELU(1) and ELU(1.0), padding="same" and padding=1. This file says which of them mean the same.
#pragma once

#include <map>
#include <string>

namespace goldseal {

using Configuration = std::map<std::string, std::string>;  ///< settings by their dotted paths, as Python writes the values

/// Whether `key` means the same in both: equal texts and numbers, a number and a tuple of nothing else, a list and a tuple,
/// numbers that float32 tensors gave and that differ by their roundings, a convolution's padding in words and the number
/// that it comes to. A key that one of them lacks is another setting.
[[nodiscard]] bool same_setting(const std::string& key, const Configuration& one, const Configuration& other);

}  // namespace goldseal
