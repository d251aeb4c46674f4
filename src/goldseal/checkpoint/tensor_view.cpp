// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/tensor_view.hpp>

#include <goldseal/base/checked.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

namespace goldseal {
namespace {

constexpr std::size_t k_piece = std::size_t{1} << 18;  // fits in a core's second-level cache

/// Elements in a byte of the packed types; 1 for all others.
std::int64_t elements_per_byte(DType dtype) {
  if (dtype == DType::quint4x2) return 2;
  if (dtype == DType::quint2x4) return 4;
  return 1;
}

/// ATen packs the sub-byte types row by row, each row filled up to a byte (empty_affine_quantized, new_qtensor).
std::vector<std::int64_t> stored_shape(const Tensor& tensor) {
  auto shape = tensor.shape;
  const auto per_byte = elements_per_byte(tensor.dtype);
  if (per_byte > 1 && !shape.empty()) shape.back() = shape.back() / per_byte + (shape.back() % per_byte != 0 ? 1 : 0);
  return shape;
}

bool is_complex(DType dtype) {
  return dtype == DType::complex128 || dtype == DType::complex64 || dtype == DType::complex32;
}

/// Size and stride of a loop over the elements, in elements.
struct Loop {
  std::int64_t size;
  std::int64_t stride;
};

/// The tensor's dimensions from the outermost in, those that run on without a gap made one.
std::vector<Loop> merge_loops(const Tensor& tensor) {
  std::vector<Loop> loops;
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
    const Loop loop{tensor.shape[i], tensor.strides[i]};
    if (loop.size == 1) continue;
    if (!loops.empty() && loops.back().stride == loop.stride * loop.size) {
      loops.back() = {loops.back().size * loop.size, loop.stride};
    } else {
      loops.push_back(loop);
    }
  }
  if (loops.empty()) loops.push_back({1, 1});
  return loops;
}

/// Bytes to reverse together, to make the tensor's elements little-endian.
std::size_t swap_unit(const Checkpoint& checkpoint, const Tensor& tensor) {
  if (!checkpoint.big_endian) return 1;
  return item_size(tensor.dtype) / (is_complex(tensor.dtype) ? 2 : 1);
}

void swap_units(std::span<std::byte> bytes, std::size_t unit) {
  for (std::size_t i = 0; i + unit <= bytes.size(); i += unit) std::ranges::reverse(bytes.subspan(i, unit));
}

template <std::size_t Size>
void copy_strided(std::byte* out, const std::byte* in, std::int64_t count, std::int64_t stride) {
  const auto step = stride * static_cast<std::int64_t>(Size);
  for (std::int64_t i = 0; i < count; ++i, out += Size, in += step) std::memcpy(out, in, Size);
}

void copy_row(std::byte* out, const std::byte* in, std::int64_t count, std::int64_t stride, std::size_t item) {
  if (stride == 1) {
    std::memcpy(out, in, static_cast<std::size_t>(count) * item);
    return;
  }
  switch (item) {
    case 1:
      return copy_strided<1>(out, in, count, stride);
    case 2:
      return copy_strided<2>(out, in, count, stride);
    case 4:
      return copy_strided<4>(out, in, count, stride);
    case 8:
      return copy_strided<8>(out, in, count, stride);
    default:
      return copy_strided<16>(out, in, count, stride);
  }
}

/// Copies a strided view through a buffer of fixed size.
class Gatherer {
 public:
  Gatherer(std::span<const std::byte> storage, const Tensor& tensor, std::size_t swap_unit,
           const std::function<void(std::span<const std::byte>)>& take)
      : m_item(item_size(tensor.dtype)),
        m_swap_unit(swap_unit),
        m_loops(merge_loops(tensor)),
        m_origin(storage.data() + static_cast<std::size_t>(tensor.offset) * m_item),
        m_take(take),
        m_buffer(k_piece) {}

  void run() {
    walk(0, m_origin);
    flush();
  }

 private:
  void walk(std::size_t depth, const std::byte* at) {
    const auto& loop = m_loops[depth];
    if (depth + 1 == m_loops.size()) return copy(at, loop);
    for (std::int64_t i = 0; i < loop.size; ++i)
      walk(depth + 1, at + i * loop.stride * static_cast<std::int64_t>(m_item));
  }

  void copy(const std::byte* at, const Loop& loop) {
    for (std::int64_t done = 0; done < loop.size;) {
      if (m_used == m_buffer.size()) flush();
      const auto room = static_cast<std::int64_t>((m_buffer.size() - m_used) / m_item);
      const auto count = std::min(room, loop.size - done);
      copy_row(m_buffer.data() + m_used, at + done * loop.stride * static_cast<std::int64_t>(m_item), count,
               loop.stride, m_item);
      m_used += static_cast<std::size_t>(count) * m_item;
      done += count;
    }
  }

  void flush() {
    const std::span bytes(m_buffer.data(), m_used);
    if (m_swap_unit > 1) swap_units(bytes, m_swap_unit);
    if (m_used > 0) m_take(bytes);
    m_used = 0;
  }

  std::size_t m_item;
  std::size_t m_swap_unit;
  std::vector<Loop> m_loops;
  const std::byte* m_origin;
  const std::function<void(std::span<const std::byte>)>& m_take;
  std::vector<std::byte> m_buffer;
  std::size_t m_used = 0;
};

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
  if (elements_per_byte(tensor.dtype) > 1 && (tensor.offset != 0 || !is_contiguous(tensor))) return std::nullopt;
  if (*numel == 0) return 0;
  std::optional<std::int64_t> last = tensor.offset;
  if (elements_per_byte(tensor.dtype) > 1) {
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
  if (!is_contiguous(tensor) || swap_unit(checkpoint, tensor) > 1) return std::nullopt;
  const auto begin = static_cast<std::size_t>(tensor.offset) * item_size(tensor.dtype);
  return checkpoint.bytes(checkpoint.storages[tensor.storage]).subspan(begin, bytes);
}

void for_each_piece(const Checkpoint& checkpoint, const Tensor& tensor,
                    const std::function<void(std::span<const std::byte>)>& take) {
  const auto run = as_run(checkpoint, tensor);
  if (!run) {
    const auto storage = checkpoint.bytes(checkpoint.storages[tensor.storage]);
    return Gatherer(storage, tensor, swap_unit(checkpoint, tensor), take).run();
  }
  for (auto rest = *run; !rest.empty();) {
    const auto piece = rest.first(std::min(rest.size(), k_piece));
    take(piece);
    rest = rest.subspan(piece.size());
  }
}

}  // namespace goldseal
