// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/tensors/tensor_view.hpp>

#include <goldseal/base/bytes/checked.hpp>
#include <goldseal/checkpoint/tensors/chunks.hpp>
#include <goldseal/checkpoint/tensors/strided_reader.hpp>

#include <algorithm>
#include <numeric>

namespace goldseal {
namespace {

bool is_float6(DType dtype) { return dtype == DType::float6_e2m3fn || dtype == DType::float6_e3m2fn; }

/// Several elements in a byte, or elements across bytes: a view of such a tensor has no address.
bool is_packed(DType dtype) { return dtype == DType::quint4x2 || dtype == DType::quint2x4 || is_float6(dtype); }

/// ATen packs its sub-byte types row by row, each row filled up to a byte (empty_affine_quantized, new_qtensor);
/// safetensors' float6 is a run of bits, which must end with a byte.
std::vector<std::int64_t> stored_shape(const Tensor& tensor) {
  if (is_float6(tensor.dtype)) {
    const auto bits = checked_multiply(checked_numel(tensor.shape).value_or(0), std::int64_t{6});
    return {bits.value_or(0) / 8};
  }
  auto shape = tensor.shape;
  const std::int64_t per_byte = tensor.dtype == DType::quint4x2 ? 2 : tensor.dtype == DType::quint2x4 ? 4 : 1;
  if (per_byte > 1 && !shape.empty()) shape.back() = shape.back() / per_byte + (shape.back() % per_byte != 0 ? 1 : 0);
  return shape;
}

bool is_complex(DType dtype) {
  return dtype == DType::complex128 || dtype == DType::complex64 || dtype == DType::complex32;
}

/// Bytes to reverse together, to make the tensor's elements little-endian.
std::size_t swap_unit(const Checkpoint& checkpoint, const Tensor& tensor) {
  if (!checkpoint.big_endian) return 1;
  return item_size(tensor.dtype) / (is_complex(tensor.dtype) ? 2 : 1);
}

}  // namespace

std::vector<std::int64_t> contiguous_strides(std::span<const std::int64_t> shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (auto i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * std::max<std::int64_t>(shape[i], 1);
  return strides;
}

std::optional<std::uint64_t> tensor_bytes(const Tensor& tensor, std::uint64_t storage_bytes) {
  const auto item = static_cast<std::int64_t>(item_size(tensor.dtype));
  const auto numel = checked_numel(stored_shape(tensor));
  const auto bytes = numel ? checked_multiply(*numel, item) : std::nullopt;
  if (!bytes || tensor.offset < 0 || !checked_numel(tensor.shape)) return std::nullopt;
  if (is_packed(tensor.dtype) && (tensor.offset != 0 || !is_contiguous(tensor))) return std::nullopt;
  if (*numel == 0) return 0;
  std::optional<std::int64_t> last = tensor.offset;
  if (is_packed(tensor.dtype)) {
    last = *numel - 1;
  } else {
    for (std::size_t i = 0; last && i < tensor.shape.size(); ++i) {
      const auto reach = checked_multiply(tensor.shape[i] - 1, tensor.strides[i]);
      last = reach ? checked_add(*last, *reach) : std::nullopt;
    }
  }
  if (!last || static_cast<std::uint64_t>(*last) >= storage_bytes / static_cast<std::uint64_t>(item))
    return std::nullopt;
  return static_cast<std::uint64_t>(*bytes);
}

std::uint64_t tensor_bytes(const Tensor& tensor) {
  const auto shape = stored_shape(tensor);
  return static_cast<std::uint64_t>(std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>())) *
         item_size(tensor.dtype);
}

bool is_contiguous(const Tensor& tensor) {
  std::int64_t expected = 1;
  for (auto i = tensor.shape.size(); i-- > 0;) {
    if (tensor.shape[i] == 0) return true;
    if (tensor.shape[i] != 1 && tensor.strides[i] != expected) return false;
    expected *= tensor.shape[i];
  }
  return true;
}

bool is_dense(const Tensor& tensor) {
  std::vector<Loop> loops;
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
    if (tensor.shape[i] == 0) return true;
    if (tensor.shape[i] != 1) loops.push_back({tensor.shape[i], tensor.strides[i]});
  }
  std::ranges::sort(loops, {}, &Loop::stride);
  std::int64_t expected = 1;
  for (const auto& loop : loops) {
    if (loop.stride != expected) return false;
    expected *= loop.size;
  }
  return true;
}

std::pair<std::uint64_t, std::uint64_t> covered_bytes(const Tensor& tensor) {
  const auto begin = static_cast<std::uint64_t>(tensor.offset) * item_size(tensor.dtype);
  return {begin, begin + tensor_bytes(tensor)};
}

std::optional<std::span<const std::byte>> as_run(const Checkpoint& checkpoint, const Tensor& tensor) {
  const auto bytes = tensor_bytes(tensor);
  if (bytes == 0) return std::span<const std::byte>{};
  if (!tensor.chunks.empty() || !is_contiguous(tensor) || swap_unit(checkpoint, tensor) > 1) return std::nullopt;
  const auto begin = static_cast<std::size_t>(tensor.offset) * item_size(tensor.dtype);
  return checkpoint.bytes(checkpoint.storages[tensor.storage]).subspan(begin, bytes);
}

void for_each_piece(const Checkpoint& checkpoint, const Tensor& tensor,
                    const std::function<void(std::span<const std::byte>)>& take) {
  StridedReader gatherer(item_size(tensor.dtype), swap_unit(checkpoint, tensor), take);
  if (const auto run = as_run(checkpoint, tensor)) {
    gatherer.add_run(*run);
  } else if (!tensor.chunks.empty()) {
    gather_chunks(checkpoint, tensor, gatherer);
  } else {
    const auto storage = checkpoint.bytes(checkpoint.storages[tensor.storage]);
    gatherer.add(storage.data() + static_cast<std::size_t>(tensor.offset) * item_size(tensor.dtype),
                 merge_loops(tensor.shape, tensor.strides));
  }
  gatherer.flush();
}

}  // namespace goldseal
