// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/compare/comparison_kernel.hpp>

#include <goldseal/golden/tensors/constants.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <span>

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
template <typename Mask>
GOLDSEAL_INLINE bool any(const Mask& x) {
  auto result = x[0];
  for (std::size_t i = 1; i < k_lanes; ++i) result |= x[i];
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
GOLDSEAL_INLINE void scan_plainly(const std::byte* from, std::size_t at, std::size_t end, std::size_t begin,
                                  LargestValues& largest) {
  for (; at < end; ++at) {
    const double value = element<T>(from, at);
    if (value > largest.bar()) largest.add(value, begin + at);
  }
}

// A bar that as many elements exceed as are wanted, found without a branch: the largest elements of the eight
// interleaved parts of a stretch are eight of its elements.
template <typename T>
GOLDSEAL_INLINE T low_bar(const std::byte* from, std::size_t count, std::size_t wanted) {
  using Lanes = typename LanesOf<T>::Type;
  constexpr auto k_least = -std::numeric_limits<T>::infinity();
  Lanes most = Lanes{} + k_least;
  for (std::size_t at = 0; at + k_lanes <= count; at += k_lanes) {
    Lanes part;
    std::memcpy(&part, from + at * sizeof(T), sizeof part);
    most = part > most ? part : most;
  }
  std::array<T, k_lanes> maxima;
  std::memcpy(maxima.data(), &most, sizeof most);
  std::ranges::sort(maxima, std::ranges::greater{});
  return std::nextafter(maxima[wanted - 1], k_least);
}

// A group at a time, without a branch within it: whether it holds anything larger than what is kept. Where it does,
// the vectors that do are looked through one element at a time.
template <typename T>
GOLDSEAL_INLINE void scan_largest(const std::byte* from, std::size_t count, std::size_t begin, LargestValues& largest) {
  using Lanes = typename LanesOf<T>::Type;
  constexpr std::size_t k_vectors = 8;
  constexpr std::size_t k_group = k_vectors * k_lanes;
  if (count >= k_group && largest.empty())
    largest.expect_above(static_cast<double>(low_bar<T>(from, count, largest.wanted())));
  std::size_t at = 0;
  for (; at + k_group <= count; at += k_group) {
    std::array<Lanes, k_vectors> part;
    std::memcpy(part.data(), from + at * sizeof(T), sizeof part);
    const auto bar = static_cast<T>(largest.bar());
    auto exceeds = part[0] > bar;
    for (std::size_t i = 1; i < k_vectors; ++i) exceeds |= part[i] > bar;
    if (!any(exceeds)) continue;
    for (std::size_t i = 0; i < k_vectors; ++i) {
      if (any(part[i] > bar)) scan_plainly<T>(from, at + i * k_lanes, at + (i + 1) * k_lanes, begin, largest);
    }
  }
  scan_plainly<T>(from, at, count, begin, largest);
}

// The places of the largest, and of the five largest, of eight rows at once, a lane each: bit i for element i.
struct Places {
  std::array<std::uint64_t, k_lanes> first;
  std::array<std::uint64_t, k_lanes> five;
};

// The places of values above the fifth, and the first places of values equal to it, as many as there is room for.
inline std::uint64_t five_of(std::uint64_t above, std::uint64_t equal) {
  auto room = static_cast<int>(LargestValues::k_most) - std::popcount(above);
  for (; room > 0 && equal != 0; --room) {
    above |= equal & (~equal + 1);
    equal &= equal - 1;
  }
  return above;
}

template <typename T>
GOLDSEAL_INLINE void find_places(const std::byte* from, std::size_t row, Places& places) {
  constexpr double k_least = -std::numeric_limits<double>::infinity();
  std::array<Doubles, k_short_row> columns;
  std::array<Doubles, LargestValues::k_most> best;
  best.fill(Doubles{} + k_least);
  for (std::size_t i = 0; i < row; ++i) {
    Doubles x{};
    for (std::size_t lane = 0; lane < k_lanes; ++lane) x[lane] = element<T>(from, lane * row + i);
    columns[i] = x;
    // Sinks through the five to its place; a NaN is never larger, and falls through.
    for (auto& value : best) {
      const Doubles higher = x > value ? x : value;
      x = x > value ? value : x;
      value = higher;
    }
  }
  const Doubles least = Doubles{} + k_least;
  Masks first{};
  Masks above{};
  Masks equal{};
  for (std::size_t i = 0; i < row; ++i) {
    const Masks bit = Masks{} + static_cast<std::int64_t>(std::uint64_t{1} << i);
    const Masks counts = columns[i] > least;
    first |= (columns[i] == best.front()) & counts & bit;
    above |= (columns[i] > best.back()) & bit;
    equal |= (columns[i] == best.back()) & counts & bit;
  }
  for (std::size_t lane = 0; lane < k_lanes; ++lane) {
    const auto firsts = static_cast<std::uint64_t>(first[lane]);
    places.first[lane] = firsts & (~firsts + 1);
    places.five[lane] = five_of(static_cast<std::uint64_t>(above[lane]), static_cast<std::uint64_t>(equal[lane]));
  }
}

template <typename T>
GOLDSEAL_INLINE void add_rows(const std::byte* found, const std::byte* reference, std::size_t row,
                              RowAgreement& agreement) {
  Places here;
  Places there;
  find_places<T>(found, row, here);
  find_places<double>(reference, row, there);
  agreement.rows += k_lanes;
  for (std::size_t lane = 0; lane < k_lanes; ++lane) {
    if (here.first[lane] == there.first[lane]) ++agreement.same_first;
    if (here.five[lane] == there.five[lane]) ++agreement.same_five;
  }
}

#if defined(__x86_64__)
template <typename T>
[[gnu::target("avx512f,avx512dq,avx512vl")]] void rows_avx512(const std::byte* found, const std::byte* reference,
                                                              std::size_t row, RowAgreement& agreement) {
  add_rows<T>(found, reference, row, agreement);
}
template <typename T>
[[gnu::target("avx2")]] void rows_avx2(const std::byte* found, const std::byte* reference, std::size_t row,
                                       RowAgreement& agreement) {
  add_rows<T>(found, reference, row, agreement);
}
template <typename T>
[[gnu::target("avx512f,avx512dq,avx512vl")]] StretchSums sum_avx512(const Stretch& stretch) {
  return sum_tiles<T>(stretch);
}
template <typename T>
[[gnu::target("avx2")]] StretchSums sum_avx2(const Stretch& stretch) {
  return sum_tiles<T>(stretch);
}
template <typename T>
[[gnu::target("avx2")]] void largest_avx2(const std::byte* from, std::size_t count, std::size_t begin,
                                          LargestValues& largest) {
  scan_largest<T>(from, count, begin, largest);
}
#endif

template <typename T>
StretchSums sum_plain(const Stretch& stretch) {
  return sum_tiles<T>(stretch);
}
template <typename T>
void largest_plain(const std::byte* from, std::size_t count, std::size_t begin, LargestValues& largest) {
  scan_largest<T>(from, count, begin, largest);
}

template <typename T>
void rows_plain(const std::byte* found, const std::byte* reference, std::size_t row, RowAgreement& agreement) {
  add_rows<T>(found, reference, row, agreement);
}

bool has_avx512() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#else
  return false;
#endif
}

template <typename T>
auto choose_rows() {
#if defined(__x86_64__)
  if (has_avx512()) return &rows_avx512<T>;
  if (__builtin_cpu_supports("avx2")) return &rows_avx2<T>;
#endif
  return &rows_plain<T>;
}

template <typename T>
auto choose_sum() {
#if defined(__x86_64__)
  if (has_avx512()) return &sum_avx512<T>;
  if (__builtin_cpu_supports("avx2")) return &sum_avx2<T>;
#endif
  return &sum_plain<T>;
}

template <typename T>
auto choose_largest() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return &largest_avx2<T>;
#endif
  return &largest_plain<T>;
}

}  // namespace

LargestValues::LargestValues(std::size_t wanted) : m_wanted(wanted) {
  m_values.fill({-std::numeric_limits<double>::infinity(), 0});
}

void LargestValues::expect_above(double bar) { m_values.fill({bar, 0}); }

void LargestValues::add(double value, std::size_t index) {
  if (!(value > bar())) return;
  std::size_t at = m_wanted - 1;
  for (; at > 0 && value > m_values[at - 1].value; --at) m_values[at] = m_values[at - 1];
  m_values[at] = {value, index};
  m_count = std::min(m_wanted, m_count + 1);
}

void LargestValues::add(const LargestValues& later) {
  for (std::size_t i = 0; i < later.m_count; ++i) add(later.m_values[i].value, later.m_values[i].index);
}

bool LargestValues::same_places(const LargestValues& other) const {
  if (m_count != other.m_count) return false;
  const std::span mine(m_values.data(), m_count);
  const std::span others(other.m_values.data(), m_count);
  return std::ranges::all_of(mine, [&](const Maximum& value) {
    return std::ranges::find(others, value.index, &Maximum::index) != others.end();
  });
}

void RowAgreement::add(const LargestValues& found, const LargestValues& reference) {
  ++rows;
  if (found.empty() == reference.empty() && found.first() == reference.first()) ++same_first;
  if (found.same_places(reference)) ++same_five;
}

void RowAgreement::append(const RowAgreement& other) {
  rows += other.rows;
  same_first += other.same_first;
  same_five += other.same_five;
}

template <typename T>
StretchSums sum_stretch(const Stretch& stretch) {
  static const auto best = choose_sum<T>();
  return best(stretch);
}

template <typename T>
void find_largest(const std::byte* from, std::size_t count, std::size_t begin, LargestValues& largest) {
  static const auto best = choose_largest<T>();
  best(from, count, begin, largest);
}

template <typename T>
void add_short_rows(const std::byte* found, const std::byte* reference, std::size_t row, RowAgreement& agreement) {
  static_assert(k_rows_at_once == k_lanes);
  static const auto best = choose_rows<T>();
  best(found, reference, row, agreement);
}

template StretchSums sum_stretch<float>(const Stretch& stretch);
template StretchSums sum_stretch<double>(const Stretch& stretch);
template void find_largest<float>(const std::byte* from, std::size_t count, std::size_t begin, LargestValues& largest);
template void find_largest<double>(const std::byte* from, std::size_t count, std::size_t begin, LargestValues& largest);

template void add_short_rows<float>(const std::byte* found, const std::byte* reference, std::size_t row,
                                    RowAgreement& agreement);
template void add_short_rows<double>(const std::byte* found, const std::byte* reference, std::size_t row,
                                     RowAgreement& agreement);

}  // namespace goldseal::golden
