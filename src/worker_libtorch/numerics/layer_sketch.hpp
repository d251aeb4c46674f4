// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace goldseal::worker {

inline constexpr std::size_t k_projections = 8;

/// What is kept of a layer's output, whatever its size: random projections, whose squares average to the square of the
/// output's root mean square, so that the projections of a difference tell its size (PROTOCOL.md, layers).
struct LayerSketch {
  std::array<double, k_projections> projections{};
  double rms = 0;
  double non_finite = 0;  // how many of all its elements; they count as 0 above
};

/// The sketch of a floating tensor, computed in float64 in an order that depends on nothing but its shape, from at most
/// `elements` of its elements, which lie evenly apart; 0: from all.
LayerSketch sketch_of(const at::Tensor& tensor, std::int64_t elements = 0);

}  // namespace goldseal::worker
