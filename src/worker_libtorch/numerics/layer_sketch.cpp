// SPDX-License-Identifier: Apache-2.0
#include "numerics/layer_sketch.hpp"

#include "numerics/perturbation.hpp"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>

#include <cmath>
#include <cstdint>
#include <vector>

namespace goldseal::worker {
namespace {

// Elements whose sums are formed one after the other; a multiple of the 8 that share a hash.
constexpr std::int64_t k_block_elements = 4096;
constexpr std::int64_t k_blocks_a_task = 8;
constexpr std::int64_t k_shared = 8;

// The signs of the 8 projections for each value of a byte.
using Signs = std::array<std::array<double, k_projections>, 256>;

constexpr Signs make_signs() {
  Signs signs{};
  for (std::size_t byte = 0; byte < signs.size(); ++byte)
    for (std::size_t k = 0; k < k_projections; ++k) signs[byte][k] = (byte >> k & 1) != 0 ? 1.0 : -1.0;
  return signs;
}

constexpr Signs k_signs = make_signs();

constexpr std::uint64_t hash_of(std::uint64_t group) { return mix((group + 1) * 0x9E3779B97F4A7C15); }

struct Sums {
  std::array<double, k_projections> projections{};
  double squares = 0;
  std::int64_t non_finite = 0;
};

template <class Element>
Sums sum_block(const Element* values, std::int64_t begin, std::int64_t end) {
  Sums sums;
  for (auto group = begin; group < end; group += k_shared) {
    auto bytes = hash_of(static_cast<std::uint64_t>(group / k_shared));
    const auto last = std::min(group + k_shared, end);
    for (auto i = group; i < last; ++i, bytes >>= 8) {
      auto value = static_cast<double>(values[i]);
      if (!std::isfinite(value)) {
        ++sums.non_finite;
        value = 0;
      }
      const auto& signs = k_signs[bytes & 0xFF];
      for (std::size_t k = 0; k < k_projections; ++k) sums.projections[k] += signs[k] * value;
      sums.squares += value * value;
    }
  }
  return sums;
}

// Blocks in parallel, their sums added in order, so that threads change no digit.
template <class Element>
LayerSketch sketch(const Element* values, std::int64_t count) {
  const auto blocks = (count + k_block_elements - 1) / k_block_elements;
  std::vector<Sums> parts(static_cast<std::size_t>(blocks));
  at::parallel_for(0, blocks, k_blocks_a_task, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = begin; i < end; ++i)
      parts[static_cast<std::size_t>(i)] =
          sum_block(values, i * k_block_elements, std::min(count, (i + 1) * k_block_elements));
  });
  LayerSketch total;
  for (const auto& part : parts) {
    for (std::size_t k = 0; k < k_projections; ++k) total.projections[k] += part.projections[k];
    total.rms += part.squares;
    total.non_finite += static_cast<double>(part.non_finite);
  }
  const auto scale = 1.0 / std::sqrt(static_cast<double>(std::max<std::int64_t>(count, 1)));
  for (auto& projection : total.projections) projection *= scale;
  total.rms = std::sqrt(total.rms) * scale;
  return total;
}

// Every so manyth of `count` elements: an odd number, since sizes are even.
std::int64_t stride_of(std::int64_t count, std::int64_t most) {
  return most == 0 || count <= most ? 1 : ((count + most - 1) / most) | 1;
}

// Every `stride`th element in row-major order, of a strided tensor of any layout, without a copy of it.
at::Tensor every(const at::Tensor& tensor, std::int64_t stride) {
  if (tensor.is_contiguous()) return tensor.view(-1).slice(0, 0, tensor.numel(), stride).contiguous();
  const auto count = (tensor.numel() + stride - 1) / stride;
  auto places = at::empty({count}, at::kLong);
  auto* const to = places.data_ptr<std::int64_t>();
  std::int64_t extent = 1;
  for (std::int64_t d = 0; d < tensor.dim(); ++d) extent += (tensor.size(d) - 1) * tensor.stride(d);
  for (std::int64_t i = 0; i < count; ++i) {
    auto left = i * stride;
    std::int64_t offset = 0;
    for (auto d = tensor.dim() - 1; d >= 0; --d) {
      offset += left % tensor.size(d) * tensor.stride(d);
      left /= tensor.size(d);
    }
    to[i] = offset;
  }
  return tensor.as_strided({extent}, {1}).index_select(0, places.to(tensor.device()));
}

// A sum tells in one pass that all elements are finite.
double not_finite(const at::Tensor& tensor) {
  if (std::isfinite(tensor.sum().item<double>())) return 0;
  return static_cast<double>(at::isfinite(tensor).logical_not().sum().item<std::int64_t>());
}

LayerSketch sketch_of_all(const at::Tensor& tensor) {
  auto values = tensor.to(at::kCPU);
  if (values.scalar_type() != at::kDouble && values.scalar_type() != at::kFloat) values = values.to(at::kFloat);
  values = values.contiguous();
  if (values.scalar_type() == at::kDouble) return sketch(values.data_ptr<double>(), values.numel());
  return sketch(values.data_ptr<float>(), values.numel());
}

}  // namespace

LayerSketch sketch_of(const at::Tensor& tensor, std::int64_t elements) {
  const auto stride = stride_of(tensor.numel(), elements);
  if (stride == 1) return sketch_of_all(tensor);
  auto result = sketch_of_all(every(tensor, stride));
  result.non_finite = not_finite(tensor);
  return result;
}

}  // namespace goldseal::worker
