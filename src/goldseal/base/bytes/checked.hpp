// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>

namespace goldseal {

/// Sums and products of sizes that come from files: nothing where the result does not fit.
template <std::integral T>
[[nodiscard]] constexpr std::optional<T> checked_add(T a, T b) {
  T result{};
  if (__builtin_add_overflow(a, b, &result)) return std::nullopt;
  return result;
}

template <std::integral T>
[[nodiscard]] constexpr std::optional<T> checked_multiply(T a, T b) {
  T result{};
  if (__builtin_mul_overflow(a, b, &result)) return std::nullopt;
  return result;
}

/// Number of elements of a shape; 1 for a scalar, nothing for a negative size or an overflow of int64.
[[nodiscard]] constexpr std::optional<std::int64_t> checked_numel(std::span<const std::int64_t> shape) {
  std::int64_t count = 1;
  for (const auto size : shape) {
    if (size < 0) return std::nullopt;
    const auto next = checked_multiply(count, size);
    if (!next) return std::nullopt;
    count = *next;
  }
  return count;
}

/// True where [begin, begin + length) lies within [0, limit).
[[nodiscard]] constexpr bool extent_fits(std::uint64_t begin, std::uint64_t length, std::uint64_t limit) {
  return begin <= limit && length <= limit - begin;
}

}  // namespace goldseal
