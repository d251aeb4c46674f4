// SPDX-License-Identifier: Apache-2.0
// Golden files, saved results and converted checkpoints are safetensors. This file lays out the
// header and the bytes after it. Placing the result on disk is the caller's part.
#pragma once

#include <goldseal/base/kinds/dtype.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace goldseal {

/// A tensor to write: contiguous, little-endian; the bytes are borrowed until the call returns.
struct TensorToWrite {
  std::string name;
  DType dtype = DType::float32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
};

/// A safetensors file as bytes: header first, padded to 8, then the tensors in the order given. `metadata` becomes
/// `__metadata__`. Throws Error{unsupported} for an element type that the format lacks.
[[nodiscard]] std::string write_safetensors(std::span<const TensorToWrite> tensors,
                                            std::span<const std::pair<std::string, std::string>> metadata = {});

/// The part before the tensors' bytes, for a writer that streams them; only the sizes of their spans are read.
[[nodiscard]] std::string write_safetensors_header(std::span<const TensorToWrite> tensors,
                                                   std::span<const std::pair<std::string, std::string>> metadata = {});

}  // namespace goldseal
