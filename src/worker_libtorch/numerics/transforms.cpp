// SPDX-License-Identifier: Apache-2.0
#include "numerics/transforms.hpp"

#include "numerics/tile.hpp"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

namespace goldseal::worker {
namespace {

// Elements that one task takes: some 50 microseconds of work, well above what it costs to hand out a task.
constexpr std::int64_t k_grain = 1 << 15;

template <class Element>
void move_elements(const Element* in, double* out, std::int64_t count, const PerturbationFactors& factors) {
  at::parallel_for(0, count, k_grain, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = begin; i < end; ++i)
      out[i] = factors.moved(static_cast<double>(in[i]), static_cast<std::uint64_t>(i));
  });
}

at::Tensor perturbed(const at::Tensor& tensor, const PerturbationFactors& factors) {
  const auto in = tensor.contiguous();
  auto out = at::empty(in.sizes(), in.options().dtype(at::kDouble));
  auto* to = out.data_ptr<double>();
  const auto count = in.numel();
  switch (in.scalar_type()) {
    case at::kDouble:
      move_elements(in.data_ptr<double>(), to, count, factors);
      break;
    case at::kFloat:
      move_elements(in.data_ptr<float>(), to, count, factors);
      break;
    case at::kHalf:
      move_elements(in.data_ptr<at::Half>(), to, count, factors);
      break;
    default:
      move_elements(in.data_ptr<at::BFloat16>(), to, count, factors);
      break;
  }
  return out;
}

// A run of elements is converted and multiplied while it is in the processor's cache.
template <class Element>
at::Tensor tiled(const at::Tensor& tensor, const TileStarts& starts, double relative) {
  const auto in = tensor.contiguous().view(-1);
  auto out = at::empty(in.sizes(), in.options().dtype(c10::CppTypeToScalarType<Element>::value));
  const auto factors = tile_factors<Element>(relative);
  auto* const to = out.template data_ptr<Element>();
  const auto run = static_cast<std::int64_t>(k_tile_run);
  at::parallel_for(0, (in.numel() + run - 1) / run, 4, [&](std::int64_t first, std::int64_t last) {
    const at::NoGradGuard no_grad;
    for (auto i = first; i < last; ++i) {
      const auto begin = i * run;
      const auto count = std::min(run, in.numel() - begin);
      out.narrow(0, begin, count).copy_(in.narrow(0, begin, count));
      const auto* const factor = factors.data() + starts(static_cast<std::uint64_t>(i));
      for (std::int64_t k = 0; k < count; ++k) to[begin + k] *= factor[k];
    }
  });
  return out.view(tensor.sizes());
}

bool is_plain_floating(at::ScalarType type) {
  return type == at::kDouble || type == at::kFloat || type == at::kHalf || type == at::kBFloat16;
}

}  // namespace

at::Tensor converted(const at::Tensor& tensor, const std::string& name, at::ScalarType dtype,
                     const std::optional<Perturbation>& perturbation) {
  if (!is_plain_floating(tensor.scalar_type())) return tensor;
  if (!perturbation || !perturbation->moves(name)) return tensor.to(dtype);
  if (!perturbation->tile) return perturbed(tensor, PerturbationFactors(*perturbation, name)).to(dtype);
  const TileStarts starts(perturbation->seed, name);
  if (dtype == at::kDouble) return tiled<double>(tensor, starts, perturbation->relative);
  return tiled<float>(tensor, starts, perturbation->relative).to(dtype);
}

Transform make_leaves(const Transform& transform, NamedTensors& leaves) {
  return [&transform, &leaves](const std::string& name, const at::Tensor& tensor) {
    const auto computed = transform ? transform(name, tensor) : tensor;
    if (!is_plain_floating(computed.scalar_type())) return computed;
    auto leaf = computed.detach();
    leaf.set_requires_grad(true);
    leaves.emplace_back(name, leaf);
    return leaf;
  };
}

Transform make_transform(const Conversion& conversion) {
  if (!conversion.dtype && !conversion.perturbation && conversion.device.is_cpu()) return {};
  return [conversion](const std::string& name, const at::Tensor& tensor) {
    return converted(tensor, name, conversion.dtype.value_or(tensor.scalar_type()), conversion.perturbation)
        .to(conversion.device);
  };
}

}  // namespace goldseal::worker
