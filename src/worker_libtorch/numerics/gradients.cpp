// SPDX-License-Identifier: Apache-2.0
#include "numerics/gradients.hpp"

#include "numerics/perturbation.hpp"

#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <memory>
#include <utility>

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

class PostHook : public torch::autograd::FunctionPostHook {
 public:
  explicit PostHook(std::function<void()> then) : m_then(std::move(then)) {}

  torch::autograd::variable_list operator()(const torch::autograd::variable_list& outputs,
                                            const torch::autograd::variable_list&) override {
    m_then();
    return outputs;
  }

 private:
  std::function<void()> m_then;
};

std::int64_t not_zero(const at::Tensor& gradient) {
  return gradient.defined() ? gradient.ne(0).sum().item<std::int64_t>() : 0;
}

}  // namespace

GradientHook::GradientHook(const at::Tensor& leaf, std::function<void()> then) {
  // Held, since the tensor alone does not keep it.
  const auto accumulator = torch::autograd::impl::grad_accumulator(leaf);
  auto hook = std::make_unique<PostHook>(std::move(then));
  m_remove = [accumulator, own = hook.get()] {
    auto& hooks = accumulator->post_hooks();
    hooks.erase(std::remove_if(hooks.begin(), hooks.end(), [&](const auto& held) { return held.get() == own; }),
                hooks.end());
  };
  accumulator->add_post_hook(std::move(hook));
}

GradientHook::~GradientHook() { m_remove(); }

void gathered(const at::Tensor& leaf) {
  for (const auto& hook : torch::autograd::impl::grad_accumulator(leaf)->post_hooks()) (*hook)({}, {});
}

std::vector<std::int64_t> reached_elements(const NamedTensors& outputs, const NamedTensors& leaves) {
  at::Tensor combined;
  for (const auto& [name, output] : outputs) {
    if (!output.requires_grad() || output.is_complex()) continue;
    const auto part = at::mul(output.to(at::kDouble), random_weights(output, name).to(output.device())).sum();
    combined = combined.defined() ? at::add(combined, part) : part;
  }
  std::vector<std::int64_t> reached(leaves.size(), 0);
  std::vector<std::unique_ptr<GradientHook>> hooks;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    hooks.push_back(std::make_unique<GradientHook>(leaves[i].second, [&leaf = leaves[i].second, &count = reached[i]] {
      const at::NoGradGuard no_grad;
      count = not_zero(leaf.grad());
      leaf.mutable_grad() = at::Tensor();
    }));
  }
  if (combined.defined()) combined.backward();
  return reached;
}

}  // namespace goldseal::worker
