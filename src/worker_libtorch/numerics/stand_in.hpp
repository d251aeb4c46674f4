// SPDX-License-Identifier: Apache-2.0
// A copy of all weights in float64 takes two to four times a network's memory, and more time to
// write than the products that read it. A stand-in looks to the network's code like such a copy.
// Views of it are stand-ins again; an operator that computes with it gets its elements converted
// (and moved, in a probe), and they are dropped when it returns.
#pragma once

#include "numerics/perturbation.hpp"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>

namespace goldseal::worker {

/// Tensors of at most so many elements are copied: buffers that code writes to, norms' weights, biases.
inline constexpr std::int64_t k_few_elements = 1 << 16;
/// Weights that take less in the converted type are copied: a recurrent layer would convert its own at each step.
inline constexpr std::int64_t k_few_bytes = 256 << 20;

/// `tensor`, contiguous, under the type `dtype` (float32 or float64) and in its own memory. `tile` moves its elements.
at::Tensor stand_in(const at::Tensor& tensor, const std::string& name, at::ScalarType dtype,
                    const std::optional<Perturbation>& tile);

/// The name of a stand-in that an operator was to write to, of which it needs a copy, since this was asked last. The
/// error that came of it may have lost its type in an interpreter.
std::optional<std::string> take_unstreamable();

}  // namespace goldseal::worker
