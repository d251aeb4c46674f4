// SPDX-License-Identifier: Apache-2.0
// Values that differ throughout may still be the same ones: exchanged, reordered, rounded. Where
// both files are at hand that is proven by the bytes.
#pragma once

#include <goldseal/base/kinds/dtype.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace goldseal {

/// A tensor's elements, row-major and little-endian.
struct GatheredTensor {
  DType dtype = DType::float32;
  std::span<const std::int64_t> shape;
  std::span<const std::byte> bytes;
};

/// How the values of `b` come from those of `a`, in words that follow "the values of A, ": `transposed`, `rounded to
/// float16`, `its rows in another order`. Empty where no such way leads from one to the other.
[[nodiscard]] std::string value_origin(const GatheredTensor& a, const GatheredTensor& b);

}  // namespace goldseal
