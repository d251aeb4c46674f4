// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/compare/error_distribution.hpp>

#include <goldseal/base/running/parallel.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace goldseal::golden {
namespace {

constexpr std::size_t k_block = 1U << 16U;
constexpr auto k_bins = static_cast<std::size_t>(k_last_decade - k_first_decade + 1);

using Counts = std::array<std::uint64_t, k_bins>;

// Lower edges of the bins.
const std::array<double, k_bins>& edges() {
  static const auto k_edges = [] {
    std::array<double, k_bins> powers{};
    for (std::size_t i = 0; i < k_bins; ++i)
      powers[i] = std::pow(10.0, static_cast<double>(k_first_decade + static_cast<std::int64_t>(i)));
    return powers;
  }();
  return k_edges;
}

std::size_t bin_of(double ratio) {
  const auto above = std::ranges::upper_bound(edges(), ratio);
  return above == edges().begin() ? 0 : static_cast<std::size_t>(above - edges().begin()) - 1;
}

double reference_at(const HostTensor& reference, std::size_t index) {
  double value = 0;
  std::memcpy(&value, reference.bytes.data() + index * sizeof value, sizeof value);
  return value;
}

Counts count_block(const HostTensor& found, const HostTensor& reference, const NoiseFloor& noise, std::size_t begin,
                   std::size_t end) {
  Counts counts{};
  std::vector<double> values(end - begin);
  copy_as_double(found, begin, values);
  for (std::size_t i = begin; i < end; ++i) {
    const auto y = reference_at(reference, i);
    const auto error = std::abs(values[i - begin] - y);
    if (!std::isfinite(error)) continue;
    const auto phi = noise_of(noise, i, y);
    ++counts[error == 0 ? 0 : bin_of(phi > 0 ? error / phi : edges().back())];
  }
  return counts;
}

}  // namespace

std::vector<ErrorBin> error_distribution(const HostTensor& found, const HostTensor& reference,
                                         const NoiseFloor& noise) {
  const auto elements = found.numel();
  std::vector<Counts> blocks((elements + k_block - 1) / k_block);
  parallel_for(blocks.size(), [&](std::size_t i) {
    blocks[i] = count_block(found, reference, noise, i * k_block, std::min(elements, (i + 1) * k_block));
  });
  std::vector<ErrorBin> bins;
  for (std::size_t bin = 0; bin < k_bins; ++bin) {
    std::uint64_t count = 0;
    for (const auto& block : blocks) count += block[bin];
    if (count > 0) bins.push_back({k_first_decade + static_cast<std::int64_t>(bin), count});
  }
  return bins;
}

}  // namespace goldseal::golden
