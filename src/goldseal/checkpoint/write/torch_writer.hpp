// SPDX-License-Identifier: Apache-2.0
// PyTorch should load a converted checkpoint with weights_only=True. This file writes the pickle
// and the archive that torch.save would. The zip layer is zip_writer.hpp.
#pragma once

#include <goldseal/base/files/atomic_write.hpp>
#include <goldseal/base/kinds/dtype.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace goldseal {

/// A tensor of a .pth to write: contiguous. Tensors with the same `storage` share it, as tied weights do.
struct TorchTensor {
  std::string name;
  DType dtype = DType::float32;
  std::vector<std::int64_t> shape;
  std::size_t storage = 0;  ///< index into the storages
  bool parameter = false;
};

/// A storage to write: how long it is, and what hands out its bytes, piece by piece and in order.
struct TorchStorage {
  std::uint64_t bytes = 0;
  std::function<void(const std::function<void(std::span<const std::byte>)>& take)> produce;
};

/// Writes an OrderedDict of tensors as torch.save does (zip, file format 3), so that torch.load(weights_only=True)
/// reads it. `root` names the directory inside. Throws Error{unsupported} for an element type that needs more than
/// its bytes (quantized).
void write_torch_file(OutputFile& file, const std::string& root, std::span<const TorchTensor> tensors,
                      std::span<const TorchStorage> storages);

}  // namespace goldseal
