// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
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

/// A double rounded once to a binary format of `significant` bits and largest exponent `bias`, as a double (to nearest,
/// ties to even; infinity beyond the range).
[[nodiscard]] inline double round_to_format(double value, int significant, int bias) {
  if (!std::isfinite(value) || value == 0) return value;
  const int exponent = std::max(std::ilogb(value), 1 - bias);
  const double ulp = std::ldexp(1.0, exponent - significant + 1);
  const double rounded = std::nearbyint(value / ulp) * ulp;
  const double largest = std::ldexp(2 - std::ldexp(1.0, 1 - significant), bias);
  if (std::fabs(rounded) > largest) return std::copysign(HUGE_VAL, value);
  return rounded;
}

/// To nearest, ties to even; infinity beyond the range, NaN stays NaN.
[[nodiscard]] inline std::uint16_t double_to_float16(double value) {
  const std::uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  if (std::isnan(value)) return static_cast<std::uint16_t>(sign | 0x7E00);
  const double rounded = std::fabs(round_to_format(value, 11, 15));
  if (std::isinf(rounded)) return static_cast<std::uint16_t>(sign | 0x7C00);
  if (rounded < 0x1p-14) return static_cast<std::uint16_t>(sign | static_cast<unsigned>(rounded * 0x1p24));
  const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(rounded));
  return static_cast<std::uint16_t>(sign | ((bits >> 13) - (112U << 10)));
}

/// To nearest, ties to even; infinity beyond the range, NaN stays NaN.
[[nodiscard]] inline std::uint16_t double_to_bfloat16(double value) {
  if (std::isnan(value)) return std::signbit(value) ? 0xFFC0 : 0x7FC0;
  return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(static_cast<float>(round_to_format(value, 8, 127))) >>
                                    16);
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
