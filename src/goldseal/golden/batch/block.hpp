// SPDX-License-Identifier: Apache-2.0
// Batches are put together and taken apart by blocks: a box of elements that lies in a larger tensor. This file copies
// such boxes, of any type and rank. What stands where is decided in batch.hpp.
#pragma once

#include <goldseal/golden/tensors/host_tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace goldseal::golden {

/// Copies `block`, a contiguous tensor of that shape, into a larger one of `shape` so that its first element stands at
/// `begin`. Throws Error{usage} where it does not fit.
void put_block(const HostTensor& block, std::span<const std::int64_t> begin, std::span<const std::int64_t> shape,
               std::span<std::byte> to);

/// The box of `size` elements at `begin`, as a tensor of its own. Throws Error{usage} where there is no such box.
[[nodiscard]] HostTensor cut_block(const HostTensor& tensor, std::span<const std::int64_t> begin,
                                   std::span<const std::int64_t> size);

/// One element of this type as bytes, the value rounded to it. Throws Error{unsupported} for types that are neither
/// floating, whole numbers nor bool, and Error{usage} for a value that a whole type cannot hold.
[[nodiscard]] std::vector<std::byte> element_of(DType dtype, double value);

}  // namespace goldseal::golden
