// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/compare/stretch_sums.hpp>

#include <goldseal/golden/compare/lanes.hpp>
#include <goldseal/golden/tensors/constants.hpp>

#include <algorithm>
#include <cmath>

namespace goldseal::golden {
namespace {

// Elements whose φ is looked up at once, and that are searched again where one of them exceeds the worst so far.
constexpr std::size_t k_tile = 256;

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

#if defined(__x86_64__)
template <typename T>
[[gnu::target("avx512f,avx512dq,avx512vl")]] StretchSums sum_avx512(const Stretch& stretch) {
  return sum_tiles<T>(stretch);
}
template <typename T>
[[gnu::target("avx2")]] StretchSums sum_avx2(const Stretch& stretch) {
  return sum_tiles<T>(stretch);
}
#endif

template <typename T>
StretchSums sum_plain(const Stretch& stretch) {
  return sum_tiles<T>(stretch);
}
template <typename T>
auto choose_sum() {
#if defined(__x86_64__)
  if (has_avx512()) return &sum_avx512<T>;
  if (__builtin_cpu_supports("avx2")) return &sum_avx2<T>;
#endif
  return &sum_plain<T>;
}

}  // namespace

template <typename T>
StretchSums sum_stretch(const Stretch& stretch) {
  static const auto best = choose_sum<T>();
  return best(stretch);
}

template StretchSums sum_stretch<float>(const Stretch& stretch);
template StretchSums sum_stretch<double>(const Stretch& stretch);

}  // namespace goldseal::golden
