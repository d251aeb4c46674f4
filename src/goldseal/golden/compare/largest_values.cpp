// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/compare/largest_values.hpp>

#include <goldseal/golden/compare/lanes.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <span>

namespace goldseal::golden {
namespace {

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

#if defined(__x86_64__)
template <typename T>
[[gnu::target("avx2")]] void largest_avx2(const std::byte* from, std::size_t count, std::size_t begin,
                                          LargestValues& largest) {
  scan_largest<T>(from, count, begin, largest);
}
#endif

template <typename T>
void largest_plain(const std::byte* from, std::size_t count, std::size_t begin, LargestValues& largest) {
  scan_largest<T>(from, count, begin, largest);
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

template <typename T>
void find_largest(const std::byte* from, std::size_t count, std::size_t begin, LargestValues& largest) {
  static const auto best = choose_largest<T>();
  best(from, count, begin, largest);
}

template void find_largest<float>(const std::byte* from, std::size_t count, std::size_t begin, LargestValues& largest);
template void find_largest<double>(const std::byte* from, std::size_t count, std::size_t begin, LargestValues& largest);

}  // namespace goldseal::golden
