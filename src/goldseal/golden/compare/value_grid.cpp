// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/compare/value_grid.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <set>

namespace goldseal::golden {
namespace {

constexpr std::size_t k_least = 1024;      // elements: fewer may be so by chance
constexpr std::size_t k_levels_8 = 256;    // of 8 bits
constexpr std::size_t k_levels_4 = 16;     // of 4 bits
constexpr std::size_t k_most_parts = 64;   // that are looked at: one that has more values ends the search

// Different values of a stretch of elements; one more than `most` where there are more.
std::size_t count_values(const HostTensor& weight, std::size_t begin, std::size_t count, std::size_t most) {
  const auto size = item_size(weight.dtype);
  const auto negative_zero = std::uint64_t{1} << (8 * size - 1);
  std::set<std::uint64_t> values;
  for (std::size_t i = begin; i < begin + count && values.size() <= most; ++i) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, weight.bytes.data() + i * size, size);
    values.insert(bits == negative_zero ? 0 : bits);
  }
  return values.size();
}

// Whether each of the first stretches of that many elements has few values.
bool is_grid_by(const HostTensor& weight, std::size_t elements, std::size_t levels) {
  const auto parts = std::min(weight.numel() / elements, k_most_parts);
  for (std::size_t part = 0; part < parts; ++part)
    if (count_values(weight, part * elements, elements, levels) > levels) return false;
  return parts > 0;
}

}  // namespace

std::optional<std::string> value_grid(const HostTensor& weight) {
  if (!is_floating(weight.dtype) || item_size(weight.dtype) < 2 || item_size(weight.dtype) > sizeof(std::uint64_t)) return std::nullopt;
  if (weight.numel() < k_least) return std::nullopt;
  if (const auto count = count_values(weight, 0, weight.numel(), k_levels_8); count <= k_levels_8)
    return fmt::format("{} different values, as after quantization to {} bits", count, count <= k_levels_4 ? 4 : 8);
  for (const std::size_t group : {32U, 64U, 128U})
    if (is_grid_by(weight, group, k_levels_4))
      return fmt::format("at most {} different values in each group of {}, as after quantization to 4 bits", k_levels_4, group);
  const auto row = weight.shape.size() < 2 ? 0 : weight.numel() / static_cast<std::size_t>(weight.shape.front());
  if (row >= k_least && is_grid_by(weight, row, k_levels_8))
    return fmt::format("at most {} different values in each row, as after quantization to 8 bits", k_levels_8);
  return std::nullopt;
}

}  // namespace goldseal::golden
