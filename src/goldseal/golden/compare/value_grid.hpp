// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/golden/tensors/host_tensor.hpp>

#include <optional>
#include <string>

namespace goldseal::golden {

/// Whether a floating tensor of 1024 elements or more holds only the few values that quantization leaves of weights: 256 in
/// all or in each row (8 bits), or 16 in each group of 32, 64 or 128 (4 bits). In words, as `219 different values, as after
/// quantization to 8 bits`; nothing where it holds more.
[[nodiscard]] std::optional<std::string> value_grid(const HostTensor& weight);

}  // namespace goldseal::golden
