// SPDX-License-Identifier: Apache-2.0
// Eight numbers at a time, on every processor. The inner loops of a comparison are compiled once for each kind of
// processor, and their sums come out the same on all of them, bit by bit: eight interleaved partial sums, added in a
// fixed order. The files that include this one are compiled with -ffp-contract=off, since a fused multiplication would
// make the sums depend on the processor. The vector types are an extension that GCC and Clang share; each function that
// is compiled for a processor inlines the generic text, so no vector crosses a call.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#define GOLDSEAL_INLINE [[gnu::always_inline]] inline

namespace goldseal::golden {

inline constexpr std::size_t k_lanes = 8;

using Doubles = double __attribute__((vector_size(64)));
using Masks = std::int64_t __attribute__((vector_size(64)));

template <typename T>
struct LanesOf;
template <>
struct LanesOf<float> {
  using Type = float __attribute__((vector_size(32)));
};
template <>
struct LanesOf<double> {
  using Type = Doubles;
};

template <typename T>
GOLDSEAL_INLINE Doubles load(const std::byte* from) {
  typename LanesOf<T>::Type raw;
  std::memcpy(&raw, from, sizeof raw);
  return __builtin_convertvector(raw, Doubles);
}

GOLDSEAL_INLINE Doubles magnitude(Doubles x) { return x < 0 ? -x : x; }
GOLDSEAL_INLINE Doubles larger(Doubles a, Doubles b) { return a > b ? a : b; }

GOLDSEAL_INLINE double sum(const Doubles& x) {
  return ((x[0] + x[1]) + (x[2] + x[3])) + ((x[4] + x[5]) + (x[6] + x[7]));
}
GOLDSEAL_INLINE double largest(const Doubles& x) {
  double result = x[0];
  for (std::size_t i = 1; i < k_lanes; ++i) result = std::max(result, x[i]);
  return result;
}
template <typename Mask>
GOLDSEAL_INLINE bool any(const Mask& x) {
  auto result = x[0];
  for (std::size_t i = 1; i < k_lanes; ++i) result |= x[i];
  return result != 0;
}

template <typename T>
GOLDSEAL_INLINE double element(const std::byte* from, std::size_t index) {
  T value;
  std::memcpy(&value, from + index * sizeof(T), sizeof(T));
  return static_cast<double>(value);
}

/// Whether this processor has the instructions that the loops use of AVX-512.
inline bool has_avx512() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#else
  return false;
#endif
}

}  // namespace goldseal::golden
