// SPDX-License-Identifier: Apache-2.0
// Golden tensors, inputs and outputs are plain arrays in host memory, because the command has no
// PyTorch. HostTensor is that array, mapped or owned. Extents and strides of a checkpoint's tensors
// stay in checkpoint/tensors.
#pragma once

#include <goldseal/base/kinds/dtype.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace goldseal {

/// A contiguous row-major little-endian tensor in memory or in a mapped file. Copies share the bytes, which nobody
/// changes.
struct HostTensor {
  std::string name;
  DType dtype = DType::float32;
  std::vector<std::int64_t> shape;
  std::shared_ptr<const void> owner;  ///< keeps `bytes` alive
  std::span<const std::byte> bytes;   ///< numel · item_size(dtype) of them; not necessarily aligned

  [[nodiscard]] std::size_t numel() const { return bytes.size() / item_size(dtype); }
};

/// A tensor that owns `values`. `T` must be of the size of `dtype`, and the count that of the shape.
template <typename T>
[[nodiscard]] HostTensor make_tensor(std::string name, DType dtype, std::vector<std::int64_t> shape,
                                     std::vector<T> values) {
  auto owned = std::make_shared<const std::vector<T>>(std::move(values));
  const auto bytes = std::as_bytes(std::span(*owned));
  return {std::move(name), dtype, std::move(shape), std::move(owned), bytes};
}

/// A checkpoint's tensor in row-major order. Where it lies so in the file its bytes are the checkpoint's, which must
/// then outlive it; otherwise they are copied.
[[nodiscard]] HostTensor borrow_tensor(const Checkpoint& checkpoint, const Tensor& tensor);

/// All tensors of a safetensors file, in the file's order, mapped. Throws as `open_checkpoint` does.
[[nodiscard]] std::vector<HostTensor> read_tensors(const std::filesystem::path& path);
[[nodiscard]] std::vector<HostTensor> read_tensors(std::shared_ptr<const MappedFile> file);

/// All tensors of any file that open_checkpoint reads, in row-major order; those that lie so in the file are mapped.
[[nodiscard]] std::vector<HostTensor> read_all_tensors(const std::filesystem::path& path);

/// The tensor of this name, or null.
[[nodiscard]] const HostTensor* find_tensor(std::span<const HostTensor> tensors, std::string_view name);

/// True for the types that `copy_as_double` converts: floating ones of 16 bits and more, integers, bool.
[[nodiscard]] bool converts_to_double(DType dtype);

/// Elements [begin, begin + out.size()) as doubles; integers beyond 2^53 are rounded. Throws Error{unsupported} for
/// other types.
void copy_as_double(const HostTensor& tensor, std::size_t begin, std::span<double> out);

/// A tensor of a floating type of 16 bits and more, each value rounded once to it.
[[nodiscard]] HostTensor narrowed(std::string name, DType dtype, std::vector<std::int64_t> shape,
                                  std::span<const double> values);

/// One element. For single looks only.
[[nodiscard]] double element_as_double(const HostTensor& tensor, std::size_t index);

/// Row-major index of an element: `[0, 2, 7]`.
[[nodiscard]] std::vector<std::int64_t> unravel(std::size_t index, std::span<const std::int64_t> shape);

/// `found` and the rounding of `reference` to `dtype`, in units in the last place of that type; infinite where one is
/// not finite and the other is. For floating types of 16 bits and more.
[[nodiscard]] double ulp_error(double found, double reference, DType dtype);

}  // namespace goldseal
