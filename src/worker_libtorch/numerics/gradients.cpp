// SPDX-License-Identifier: Apache-2.0
#include "numerics/gradients.hpp"

#include "numerics/perturbation.hpp"

#include <ATen/Functions.h>

namespace goldseal::worker {
namespace {

// From 0.5 to 1.5, so that no two outputs cancel by their signs alone.
at::Tensor random_weights(const at::Tensor& like, const std::string& name) {
  auto weights = at::empty(like.sizes(), at::TensorOptions().dtype(at::kDouble));
  const PerturbationFactors factors({1, 0.5}, "output/" + name);
  auto* to = weights.data_ptr<double>();
  for (std::int64_t i = 0; i < weights.numel(); ++i) to[i] = factors(static_cast<std::uint64_t>(i));
  return weights;
}

}  // namespace

std::vector<std::int64_t> reached_elements(const NamedTensors& outputs, const NamedTensors& leaves) {
  at::Tensor combined;
  for (const auto& [name, output] : outputs) {
    if (!output.requires_grad() || output.is_complex()) continue;
    const auto part = at::mul(output.to(at::kDouble), random_weights(output, name).to(output.device())).sum();
    combined = combined.defined() ? at::add(combined, part) : part;
  }
  if (combined.defined()) combined.backward();
  std::vector<std::int64_t> reached;
  for (const auto& [name, leaf] : leaves) {
    const auto gradient = leaf.grad();
    reached.push_back(gradient.defined() ? gradient.ne(0).sum().item<std::int64_t>() : 0);
  }
  return reached;
}

}  // namespace goldseal::worker
