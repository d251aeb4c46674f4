// SPDX-License-Identifier: Apache-2.0
// Comparisons widen half-precision elements and fingerprints round to them, in inner loops. The
// conversions are inline here so that those loops stay fast. Other dtypes are converted in element.hpp.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace goldseal {

/// IEEE 754 binary16 bits as a float; exact, NaN stays NaN.
[[nodiscard]] inline float float16_to_float(std::uint16_t bits) {
  // Aligns the exponent field by a multiplication, which also normalises subnormals.
  const std::uint32_t magnitude = static_cast<std::uint32_t>(bits & 0x7FFFU) << 13;
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16;
  std::uint32_t scaled = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) * 0x1p112F);
  if (magnitude >= (0x7C00U << 13)) scaled |= 0x7F800000U;
  return std::bit_cast<float>(scaled | sign);
}

/// bfloat16 bits as a float; exact.
[[nodiscard]] inline float bfloat16_to_float(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

/// A float rounded to float16 and widened again: to nearest, ties to even; infinity beyond the range, NaN stays NaN.
[[nodiscard]] inline float round_to_float16(float value) {
  const float magnitude = std::fabs(value);
  if (!(magnitude < 65520.0F)) return std::isnan(value) ? value : std::copysign(HUGE_VALF, value);
  // Below the normal range the last place is 2^-24, which is that of a float between 0.5 and 1.
  if (magnitude < 0x1p-14F) return std::copysign((magnitude + 0.75F) - 0.75F, value);
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return std::bit_cast<float>((bits + 0xFFFU + ((bits >> 13) & 1U)) & ~0x1FFFU);
}

/// The same for bfloat16.
[[nodiscard]] inline float round_to_bfloat16(float value) {
  if (!std::isfinite(value)) return value;
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return std::bit_cast<float>((bits + 0x7FFFU + ((bits >> 16) & 1U)) & ~0xFFFFU);
}

}  // namespace goldseal
