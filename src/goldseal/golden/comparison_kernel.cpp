// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/comparison_kernel.hpp>

#include <goldseal/golden/constants.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

// This file is compiled with -ffp-contract=off: a fused multiplication would make the sums depend on the processor.
// The vector types are an extension that GCC and Clang share; each function that is compiled for a processor inlines
// the generic text, so no vector crosses a call.
#define GOLDSEAL_INLINE [[gnu::always_inline]] inline

namespace goldseal::golden {
namespace {

constexpr std::size_t k_lanes = 8;
// Elements whose φ is looked up at once, and that are searched again where one of them exceeds the worst so far.
constexpr std::size_t k_tile = 256;

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
GOLDSEAL_INLINE bool any(const Masks& x) {
  std::int64_t result = 0;
  for (std::size_t i = 0; i < k_lanes; ++i) result |= x[i];
  return result != 0;
}

template <typename T>
double element(const std::byte* from, std::size_t index) {
  T value;
  std::memcpy(&value, from + index * sizeof(T), sizeof(T));
  return static_cast<double>(value);
}

double noise(const Stretch& stretch, std::size_t index, double reference) {
  return std::max((*stretch.responses)[stretch.codes[index]], 2 * k_rounding * std::fabs(reference));
}

// Where a tile holds an element worse than the worst so far: finds it.
template <typename T>
void find_worst(const Stretch& stretch, std::size_t begin, std::size_t end, StretchSums& sums) {
  for (std::size_t i = begin; i < end; ++i) {
    const double reference = element<double>(stretch.reference, i);
    const double error = std::fabs(element<T>(stretch.found, i) - reference);
    if (!(error > 0)) continue;
    const double ratio = error / noise(stretch, i, reference);
    if (ratio <= sums.max_ratio) continue;
    sums.max_ratio = ratio;
    sums.worst = i;
  }
}

// One element at a time: the end of a stretch, and tiles with something that is not finite.
template <typename T>
void add_carefully(const Stretch& stretch, std::size_t begin, std::size_t end, StretchSums& sums) {
  for (std::size_t i = begin; i < end; ++i) {
    const double found = element<T>(stretch.found, i);
    const double reference = element<double>(stretch.reference, i);
    if (!std::isfinite(found) || !std::isfinite(reference)) {
      const bool same = found == reference || (std::isnan(found) && std::isnan(reference));
      if (!same && sums.mask_mismatches == 0) sums.first_mismatch = i;
      ++(same ? sums.non_finite : sums.mask_mismatches);
      continue;
    }
    const double error = std::fabs(found - reference);
    sums.error2 += error * error;
    sums.found2 += found * found;
    sums.reference2 += reference * reference;
    sums.product += found * reference;
    sums.max_error = std::max(sums.max_error, error);
    sums.max_reference = std::max(sums.max_reference, std::fabs(reference));
    if (!(error > 0)) continue;
    const double ratio = error / noise(stretch, i, reference);
    if (ratio <= sums.max_ratio) continue;
    sums.max_ratio = ratio;
    sums.worst = i;
  }
}

struct TileSums {
  Doubles error2{};
  Doubles found2{};
  Doubles reference2{};
  Doubles product{};
  Doubles max_error{};
  Doubles max_reference{};
  Masks exceeds{};
};

// `bar` is the worst ratio so far: multiplying by it instead of dividing by φ is what keeps this at the speed of
// memory.
template <typename T>
GOLDSEAL_INLINE TileSums add_tile(const Stretch& stretch, std::size_t begin, double bar) {
  std::array<double, k_tile> responses;
  for (std::size_t i = 0; i < k_tile; ++i) responses[i] = (*stretch.responses)[stretch.codes[begin + i]];
  TileSums tile;
  for (std::size_t i = 0; i < k_tile; i += k_lanes) {
    const Doubles found = load<T>(stretch.found + (begin + i) * sizeof(T));
    const Doubles reference = load<double>(stretch.reference + (begin + i) * sizeof(double));
    const Doubles error = magnitude(found - reference);
    const Doubles size = magnitude(reference);
    tile.error2 += error * error;
    tile.found2 += found * found;
    tile.reference2 += reference * reference;
    tile.product += found * reference;
    tile.max_error = larger(error, tile.max_error);
    tile.max_reference = larger(size, tile.max_reference);
    const Doubles phi =
        larger(load<double>(reinterpret_cast<const std::byte*>(&responses[i])), size * (2 * k_rounding));
    tile.exceeds |= error > phi * bar;
  }
  return tile;
}

template <typename T>
GOLDSEAL_INLINE StretchSums sum_tiles(const Stretch& stretch) {
  StretchSums sums;
  TileSums total;
  std::size_t begin = 0;
  for (; begin + k_tile <= stretch.count; begin += k_tile) {
    const TileSums tile = add_tile<T>(stretch, begin, sums.max_ratio);
    // A NaN or an infinity on either side ends in one of these sums, and so does an overflow.
    if (!std::isfinite(sum(tile.error2) + sum(tile.found2) + sum(tile.reference2))) {
      add_carefully<T>(stretch, begin, begin + k_tile, sums);
      continue;
    }
    total.error2 += tile.error2;
    total.found2 += tile.found2;
    total.reference2 += tile.reference2;
    total.product += tile.product;
    total.max_error = larger(total.max_error, tile.max_error);
    total.max_reference = larger(total.max_reference, tile.max_reference);
    if (any(tile.exceeds)) find_worst<T>(stretch, begin, begin + k_tile, sums);
  }
  add_carefully<T>(stretch, begin, stretch.count, sums);
  sums.error2 += sum(total.error2);
  sums.found2 += sum(total.found2);
  sums.reference2 += sum(total.reference2);
  sums.product += sum(total.product);
  sums.max_error = std::max(sums.max_error, largest(total.max_error));
  sums.max_reference = std::max(sums.max_reference, largest(total.max_reference));
  return sums;
}

template <typename T>
GOLDSEAL_INLINE void scan_plainly(const std::byte* from, std::size_t begin, std::size_t end, Maximum& best) {
  for (std::size_t i = begin; i < end; ++i) {
    const double value = element<T>(from, i);
    if (value > best.value) best = {value, i};
  }
}

// A group at a time, without a branch within it: whether it holds anything larger than the best so far.
template <typename T>
GOLDSEAL_INLINE Maximum scan_maximum(const std::byte* from, std::size_t count) {
  using Lanes = typename LanesOf<T>::Type;
  constexpr std::size_t k_group = 8 * k_lanes;
  Maximum best{-std::numeric_limits<double>::infinity(), 0};
  std::size_t begin = 0;
  for (; begin + k_group <= count; begin += k_group) {
    std::array<Lanes, 8> part;
    std::memcpy(part.data(), from + begin * sizeof(T), sizeof part);
    const auto bar = static_cast<T>(best.value);
    auto exceeds = part[0] > bar;
    for (std::size_t i = 1; i < part.size(); ++i) exceeds |= part[i] > bar;
    auto found = exceeds[0];
    for (std::size_t lane = 1; lane < k_lanes; ++lane) found |= exceeds[lane];
    if (found != 0) scan_plainly<T>(from, begin, begin + k_group, best);
  }
  scan_plainly<T>(from, begin, count, best);
  return best;
}

#if defined(__x86_64__)
template <typename T>
[[gnu::target("avx512f,avx512dq,avx512vl")]] StretchSums sum_avx512(const Stretch& stretch) {
  return sum_tiles<T>(stretch);
}
template <typename T>
[[gnu::target("avx2")]] StretchSums sum_avx2(const Stretch& stretch) {
  return sum_tiles<T>(stretch);
}
template <typename T>
[[gnu::target("avx2")]] Maximum maximum_avx2(const std::byte* from, std::size_t count) {
  return scan_maximum<T>(from, count);
}
#endif

template <typename T>
StretchSums sum_plain(const Stretch& stretch) {
  return sum_tiles<T>(stretch);
}
template <typename T>
Maximum maximum_plain(const std::byte* from, std::size_t count) {
  return scan_maximum<T>(from, count);
}

template <typename T>
auto choose_sum() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    return &sum_avx512<T>;
  }
  if (__builtin_cpu_supports("avx2")) return &sum_avx2<T>;
#endif
  return &sum_plain<T>;
}

template <typename T>
auto choose_maximum() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return &maximum_avx2<T>;
#endif
  return &maximum_plain<T>;
}

}  // namespace

template <typename T>
StretchSums sum_stretch(const Stretch& stretch) {
  static const auto best = choose_sum<T>();
  return best(stretch);
}

template <typename T>
Maximum first_maximum(const std::byte* from, std::size_t count) {
  static const auto best = choose_maximum<T>();
  return best(from, count);
}

template StretchSums sum_stretch<float>(const Stretch& stretch);
template StretchSums sum_stretch<double>(const Stretch& stretch);
template Maximum first_maximum<float>(const std::byte* from, std::size_t count);
template Maximum first_maximum<double>(const std::byte* from, std::size_t count);

}  // namespace goldseal::golden
