// SPDX-License-Identifier: Apache-2.0
#include "numerics/transforms.hpp"

#include "numerics/stand_in.hpp"
#include "numerics/tensor_facts.hpp"
#include "numerics/tile.hpp"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>

namespace goldseal::worker {
namespace {

// Elements that one task takes: some 50 microseconds of work, well above what it costs to hand out a task.
constexpr std::int64_t k_elements_a_task = 1 << 15;

template <class Element>
void move_elements(const Element* in, double* out, std::int64_t count, const PerturbationFactors& factors) {
  at::parallel_for(0, count, k_elements_a_task, [&](std::int64_t begin, std::int64_t end) {
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

at::Tensor tiled(const at::Tensor& tensor, const std::string& name, const Perturbation& perturbation,
                 at::ScalarType dtype) {
  const auto in = tensor.contiguous().view(-1);
  auto out = at::empty(in.sizes(), in.options().dtype(dtype));
  move_by_tile(in, 0, name, perturbation, out);
  return out.view(tensor.sizes());
}

}  // namespace

bool streams(const Conversion& conversion, const std::string& name, const at::Tensor& tensor) {
  if (!conversion.dtype || conversion.streamed.count(name) == 0 || !tensor.is_contiguous()) return false;
  if (!conversion.perturbation || !conversion.perturbation->moves(name)) return tensor.scalar_type() != conversion.dtype;
  return conversion.perturbation->tile;
}

at::Tensor converted(const at::Tensor& tensor, const std::string& name, at::ScalarType dtype,
                     const std::optional<Perturbation>& perturbation) {
  if (!is_plain_floating(tensor.scalar_type())) return tensor;
  if (!perturbation || !perturbation->moves(name)) return tensor.to(dtype);
  if (!perturbation->tile) return perturbed(tensor, PerturbationFactors(*perturbation, name)).to(dtype);
  return tiled(tensor, name, *perturbation, dtype == at::kDouble ? at::kDouble : at::kFloat).to(dtype);
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
    if (streams(conversion, name, tensor)) return stand_in(tensor, name, *conversion.dtype, conversion.perturbation);
    return converted(tensor, name, conversion.dtype.value_or(tensor.scalar_type()), conversion.perturbation)
        .to(conversion.device);
  };
}

}  // namespace goldseal::worker
