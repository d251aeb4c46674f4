// SPDX-License-Identifier: Apache-2.0
// A hash for every element costs more than all of a large network's products. A probe's factors are
// cut from one table instead, which is the same for ever: a hash for every 32,768 elements.
#pragma once

#include "numerics/perturbation.hpp"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string_view>

namespace goldseal::worker {

inline constexpr std::uint64_t k_tile_length = 65521;  // a prime: runs meet again at no regular distance
inline constexpr std::uint64_t k_tile_run = 1 << 15;   // elements that follow one another in the table

/// Writes the elements first, first+1 … of the tensor called `name` to `out`, float32 or float64, converted to its type
/// and moved. `in` are their values, flat and contiguous.
void move_by_tile(const at::Tensor& in, std::int64_t first, std::string_view name, const Perturbation& perturbation,
                  const at::Tensor& out);

}  // namespace goldseal::worker
