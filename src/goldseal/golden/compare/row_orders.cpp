// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/compare/row_orders.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

namespace goldseal::golden {
namespace {

// Rows in an order: row i of the result is row `order[i]`.
using RowOrder = std::vector<std::size_t>;

/// Of one row, with w_j the bits of its element j: Σ w_j, Σ (j+1)·w_j, Σ (j+1)²·w_j, modulo 2^64.
struct RowSums {
  std::uint64_t plain = 0;
  std::uint64_t weighted = 0;
  std::uint64_t squared = 0;
};

struct Rows {
  std::size_t columns = 0;  // elements of a row
  std::vector<RowSums> sums;
};

std::uint64_t bits_at(const HostTensor& tensor, std::size_t index) {
  const auto item = item_size(tensor.dtype);
  std::uint64_t bits = 0;
  std::memcpy(&bits, tensor.bytes.data() + index * item, item);
  return bits;
}

std::optional<Rows> rows_of(const HostTensor& weight) {
  if (weight.shape.empty() || weight.shape.front() < 2 || item_size(weight.dtype) > sizeof(std::uint64_t))
    return std::nullopt;
  Rows rows{weight.numel() / static_cast<std::size_t>(weight.shape.front()), {}};
  rows.sums.resize(static_cast<std::size_t>(weight.shape.front()));
  for (std::size_t row = 0; row < rows.sums.size(); ++row) {
    auto& sums = rows.sums[row];
    for (std::size_t j = 0; j < rows.columns; ++j) {
      const auto word = bits_at(weight, row * rows.columns + j);
      sums.plain += word;
      sums.weighted += (j + 1) * word;
      sums.squared += (j + 1) * (j + 1) * word;
    }
  }
  return rows;
}

// The sums that the rows would have in that order: element j of row r has the place r·columns + j + 1.
bool has_sealed_sums(const Rows& rows, const RowOrder& order, const WeightFingerprint& sealed) {
  std::uint64_t weighted = 0;
  std::uint64_t squared = 0;
  for (std::size_t row = 0; row < order.size(); ++row) {
    const auto& sums = rows.sums[order[row]];
    const std::uint64_t before = row * rows.columns;
    weighted += before * sums.plain + sums.weighted;
    squared += before * before * sums.plain + 2 * before * sums.weighted + sums.squared;
  }
  return weighted == sealed.weighted && squared == sealed.squared;
}

bool has_sealed_digest(const HostTensor& found, const RowOrder& order, const Digest& digest) {
  const auto row = found.bytes.size() / order.size();
  std::vector<std::byte> bytes;
  bytes.reserve(found.bytes.size());
  for (const auto from : order) {
    const auto taken = std::span<const std::byte>(found.bytes).subspan(from * row, row);
    bytes.insert(bytes.end(), taken.begin(), taken.end());
  }
  return sha256(bytes) == digest;
}

/// Rows counted as `outer` × `first` × `second` blocks of `block` rows, with the two in the middle exchanged.
struct Grid {
  std::size_t outer, first, second, block;
};

RowOrder exchanged(const Grid& grid) {
  RowOrder order;
  for (std::size_t a = 0; a < grid.outer; ++a)
    for (std::size_t b = 0; b < grid.first; ++b)
      for (std::size_t c = 0; c < grid.second; ++c)
        for (std::size_t d = 0; d < grid.block; ++d)
          order.push_back(((a * grid.second + c) * grid.first + b) * grid.block + d);
  return order;
}

std::string describe(const Grid& grid) {
  if (grid.block == 1 && (grid.first == 2 || grid.second == 2)) {
    const bool pairs = grid.second == 2;  // as they were sealed
    return fmt::format("with the rows of each head of {} in RoPE's other layout: {}", grid.first * grid.second,
                       pairs ? "its halves one after the other, sealed as pairs side by side"
                             : "pairs side by side, sealed as its halves one after the other");
  }
  return fmt::format("with its rows in {} blocks of {}, counted the other way round: sealed as {} times {}, here as {} "
                     "times {}, as query, key and value of all heads stand together in one library and those of each "
                     "head in another",
                     grid.first * grid.second, grid.block, grid.first, grid.second, grid.second, grid.first);
}

// Every way to count the rows so in which one of the two that are exchanged is 2 or 3: pairs and halves, keys and
// values, queries besides.
std::vector<Grid> grids(std::size_t rows) {
  std::vector<Grid> result;
  for (const std::size_t few : {2U, 3U}) {
    for (std::size_t many = 2; few * many <= rows; ++many) {
      if (rows % (few * many) != 0) continue;
      const auto rest = rows / (few * many);
      for (std::size_t block = 1; block <= rest; ++block) {
        if (rest % block != 0) continue;
        result.push_back({rest / block, few, many, block});
        if (many != few) result.push_back({rest / block, many, few, block});
      }
    }
  }
  return result;
}

// Gates of an LSTM, gate and up projection, query, key and value: a few equal blocks, in another order.
std::optional<std::string> order_of_blocks(const HostTensor& found, const Rows& rows, const WeightFingerprint& sealed,
                                           const Digest& digest) {
  for (const std::size_t count : {2U, 3U, 4U}) {
    if (rows.sums.size() % count != 0) continue;
    std::vector<std::size_t> blocks(count);
    std::iota(blocks.begin(), blocks.end(), std::size_t{0});
    const auto size = rows.sums.size() / count;
    while (std::ranges::next_permutation(blocks).found) {
      RowOrder order;
      for (const auto block : blocks)
        for (std::size_t row = 0; row < size; ++row) order.push_back(block * size + row);
      if (!has_sealed_sums(rows, order, sealed) || !has_sealed_digest(found, order, digest)) continue;
      return fmt::format("with its {} blocks of {} rows in another order (sealed as {} of these), as gates, or query, key "
                         "and value, have it in another library",
                         count, size, fmt::join(blocks, ", "));
    }
  }
  return std::nullopt;
}

// Steps over rows that a search may take: a tenth of a second.
constexpr std::size_t k_most_steps = 100'000'000;

}  // namespace

std::optional<std::string> known_row_order(const HostTensor& found, const WeightFingerprint& sealed,
                                           const Digest& digest) {
  const auto rows = rows_of(found);
  if (!rows) return std::nullopt;
  if (auto text = order_of_blocks(found, *rows, sealed, digest)) return text;
  std::size_t steps = 0;
  for (const auto& grid : grids(rows->sums.size())) {
    if ((steps += rows->sums.size()) > k_most_steps) return std::nullopt;
    const auto order = exchanged(grid);
    if (has_sealed_sums(*rows, order, sealed) && has_sealed_digest(found, order, digest)) return describe(grid);
  }
  return std::nullopt;
}

bool are_sealed_rows(const HostTensor& found, const WeightFingerprint& sealed) {
  constexpr int k_least = 6;  // with 2^6 elements a row 6 + 7 bits have to agree, which chance does once in 8192 times
  const auto rows = rows_of(found);
  if (!rows || std::countr_zero(rows->columns) < k_least) return false;
  RowSums all;
  for (const auto& sums : rows->sums) {
    all.plain += sums.plain;
    all.weighted += sums.weighted;
    all.squared += sums.squared;
  }
  // Where the rows stand adds multiples of the number of columns to the one sum, and of twice that to the other.
  const auto power = std::uint64_t{1} << static_cast<unsigned>(std::countr_zero(rows->columns));
  const auto agree = [](std::uint64_t a, std::uint64_t b, std::uint64_t modulus) { return (a - b) % modulus == 0; };
  return all.plain == sealed.sum && agree(all.weighted, sealed.weighted, power) &&
         agree(all.squared, sealed.squared, 2 * power);
}

}  // namespace goldseal::golden
