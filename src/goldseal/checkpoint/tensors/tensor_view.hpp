// SPDX-License-Identifier: Apache-2.0
// Whether a tensor lies in one piece decides if its bytes can be used as they are. This file
// answers such questions of layout and hands out elements in order. Extents have been checked
// before, by the readers.
#pragma once

#include <goldseal/checkpoint/tensors/checkpoint.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

namespace goldseal {

/// Bytes of the tensor's elements, packed, where every one of them lies in a storage of that many bytes; else nothing.
[[nodiscard]] std::optional<std::uint64_t> tensor_bytes(const Tensor& tensor, std::uint64_t storage_bytes);

/// Strides of a contiguous tensor of this shape.
[[nodiscard]] std::vector<std::int64_t> contiguous_strides(std::span<const std::int64_t> shape);

/// The bytes of the storage that a dense tensor covers: [first, second).
[[nodiscard]] std::pair<std::uint64_t, std::uint64_t> covered_bytes(const Tensor& tensor);

/// The tensor's elements in row-major order and little-endian, where they lie so in the mapped file; else nothing.
[[nodiscard]] std::optional<std::span<const std::byte>> as_run(const Checkpoint& checkpoint, const Tensor& tensor);

/// Hands the tensor's elements to `take`, in row-major order and little-endian, piece by piece; a contiguous
/// little-endian tensor comes in pieces of the mapped file itself.
void for_each_piece(const Checkpoint& checkpoint, const Tensor& tensor,
                    const std::function<void(std::span<const std::byte>)>& take);

}  // namespace goldseal
