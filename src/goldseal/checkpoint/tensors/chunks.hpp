// SPDX-License-Identifier: Apache-2.0
// Ranks of a distributed run save boxes of one tensor, each in its own storage. This file checks
// that the boxes tile the tensor, and reads them in row-major order. Which boxes there are is read
// in formats/distcp.cpp.
#pragma once

#include <goldseal/checkpoint/tensors/checkpoint.hpp>
#include <goldseal/checkpoint/tensors/strided_reader.hpp>

#include <filesystem>
#include <optional>
#include <string>

namespace goldseal {

/// A chunk as a tensor of its own, without a name.
[[nodiscard]] Tensor view_of(const Tensor& tensor, const Chunk& chunk);

/// Throws Error{malformed} where the chunks of a tensor do not hold each of its elements exactly once, with the
/// elements and, of two that overlap, the files. `where` names the file that lists the chunks.
void require_tiling(const Checkpoint& checkpoint, const Tensor& tensor, const std::string& where);

/// Hands over the elements of a tensor in chunks, in its row-major order.
void gather_chunks(const Checkpoint& checkpoint, const Tensor& tensor, StridedReader& gatherer);

/// The checkpoint with every tensor in one place, those that were in chunks in `file`, which is replaced and is of
/// use as long as this machine runs. Nothing, and no file, for a checkpoint without chunks. Throws Error{io}.
[[nodiscard]] std::optional<Checkpoint> join_chunks(const Checkpoint& checkpoint, const std::filesystem::path& file);

}  // namespace goldseal
