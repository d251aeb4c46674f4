// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/compare/row_agreement.hpp>

#include <goldseal/golden/compare/lanes.hpp>

#include <bit>
#include <limits>

namespace goldseal::golden {
namespace {

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
#endif

template <typename T>
void rows_plain(const std::byte* found, const std::byte* reference, std::size_t row, RowAgreement& agreement) {
  add_rows<T>(found, reference, row, agreement);
}

template <typename T>
auto choose_rows() {
#if defined(__x86_64__)
  if (has_avx512()) return &rows_avx512<T>;
  if (__builtin_cpu_supports("avx2")) return &rows_avx2<T>;
#endif
  return &rows_plain<T>;
}

}  // namespace

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
void add_short_rows(const std::byte* found, const std::byte* reference, std::size_t row, RowAgreement& agreement) {
  static_assert(k_rows_at_once == k_lanes);
  static const auto best = choose_rows<T>();
  best(found, reference, row, agreement);
}

template void add_short_rows<float>(const std::byte* found, const std::byte* reference, std::size_t row,
                                    RowAgreement& agreement);
template void add_short_rows<double>(const std::byte* found, const std::byte* reference, std::size_t row,
                                     RowAgreement& agreement);

}  // namespace goldseal::golden
