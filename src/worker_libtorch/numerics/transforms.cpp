// SPDX-License-Identifier: Apache-2.0
#include "numerics/transforms.hpp"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>

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

bool is_plain_floating(at::ScalarType type) {
  return type == at::kDouble || type == at::kFloat || type == at::kHalf || type == at::kBFloat16;
}

}  // namespace

at::Tensor to_float64(const at::Tensor& tensor, const std::string& name,
                      const std::optional<Perturbation>& perturbation) {
  if (!is_plain_floating(tensor.scalar_type())) return tensor;
  if (perturbation && perturbation->moves(name)) return perturbed(tensor, PerturbationFactors(*perturbation, name));
  return tensor.to(at::kDouble);
}

at::Tensor perturbed_in_own_type(const at::Tensor& tensor, const std::string& name, const Perturbation& perturbation) {
  if (!is_plain_floating(tensor.scalar_type()) || !perturbation.moves(name)) return tensor;
  return perturbed(tensor, PerturbationFactors(perturbation, name)).to(tensor.scalar_type());
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
  if (!conversion.float64 && !conversion.perturbation && conversion.device.is_cpu()) return {};
  return [conversion](const std::string& name, const at::Tensor& tensor) {
    auto converted = tensor;
    if (conversion.float64)
      converted = to_float64(tensor, name, conversion.perturbation);
    else if (conversion.perturbation)
      converted = perturbed_in_own_type(tensor, name, *conversion.perturbation);
    return converted.to(conversion.device);
  };
}

}  // namespace goldseal::worker
