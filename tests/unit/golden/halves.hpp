// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/checkpoint/tensors/element.hpp>

#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace goldseal {

/// The bits of a value rounded once to float16 or bfloat16.
[[nodiscard]] inline std::uint16_t half_bits(double value, DType dtype) {
  std::vector<std::byte> bytes;
  from_doubles({&value, 1}, dtype, bytes);
  std::uint16_t bits = 0;
  std::memcpy(&bits, bytes.data(), sizeof bits);
  return bits;
}

}  // namespace goldseal
