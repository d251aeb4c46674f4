// SPDX-License-Identifier: Apache-2.0
#include "hook/module_network.hpp"

#include "numerics/gradients.hpp"
#include "numerics/operator_watch.hpp"
#include "protocol/error.hpp"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/variable.h>

#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

namespace goldseal::worker {
namespace {

bool has_hooks(const at::Tensor& tensor) { return !torch::autograd::impl::hooks(tensor).empty(); }

}  // namespace

// Other tensors in the module's for one run. Modules keep handles of their own beside the table of their parameters, so
// the data are exchanged and not the tensors. With gradients enabled, those of the module's parameters are handed on to
// the tensors that stand for them, and what training has gathered in them is kept aside.
class ModuleNetwork::Substitution {
 public:
  explicit Substitution(const std::vector<at::Tensor>& members) : m_members(members) {
    for (const auto& member : members) m_own.push_back(member.variable_data());
  }
  ~Substitution() {
    for (auto& handed : m_handed) {
      handed.hook.reset();
      handed.member.mutable_grad() = at::Tensor();
      if (handed.frozen) handed.member.set_requires_grad(false);
    }
    for (std::size_t i = 0; i < m_members.size(); ++i) m_members[i].set_data(m_own[i]);
    for (const auto& handed : m_handed) handed.member.mutable_grad() = handed.gradient;
  }
  Substitution(const Substitution&) = delete;
  Substitution& operator=(const Substitution&) = delete;

  const at::Tensor& own(std::size_t index) const { return m_own[index]; }

  void put(std::size_t index, const at::Tensor& tensor) {
    const auto& member = m_members[index];
    if (!tensor.requires_grad()) {
      member.set_data(tensor);
      return;
    }
    if (has_hooks(member))
      throw Refusal(RefusalKind::unsupported, "a parameter has hooks of its own, which a backward pass would call");
    Handed handed{member, member.grad(), nullptr, !member.requires_grad()};
    member.mutable_grad() = at::Tensor();
    member.set_data(tensor);
    if (handed.frozen) member.set_requires_grad(true);
    handed.hook = std::make_unique<GradientHook>(member, [member, tensor] {
      tensor.mutable_grad() = member.grad();
      member.mutable_grad() = at::Tensor();
      gathered(tensor);
    });
    m_handed.push_back(std::move(handed));
  }

 private:
  struct Handed {
    at::Tensor member;
    at::Tensor gradient;  // training's; undefined for none
    std::unique_ptr<GradientHook> hook;
    bool frozen;  // by the user
  };

  const std::vector<at::Tensor>& m_members;
  std::vector<at::Tensor> m_own;
  std::vector<Handed> m_handed;
};

ModuleNetwork::~ModuleNetwork() = default;

void ModuleNetwork::release() { m_substitution.reset(); }

ModuleNetwork::ModuleNetwork(LiveModule live, bool replace) : m_live(std::move(live)), m_replace(replace) {
  for (const auto& parameter : m_live.module->named_parameters()) add(parameter.key(), parameter.value(), true);
  for (const auto& buffer : m_live.module->named_buffers()) add(buffer.key(), buffer.value(), false);
  for (const auto& name : m_live.inputs) m_inputs.push_back({name, std::nullopt, std::nullopt});
}

// Also where two tensors are views of the same elements.
std::string ModuleNetwork::name_of_tensor(const at::Tensor& member) const {
  for (std::size_t i = 0; i < m_members.size(); ++i) {
    const auto& other = m_members[i];
    const bool view = member.numel() > 0 && member.layout() == at::kStrided && other.layout() == at::kStrided &&
                      other.scalar_type() == member.scalar_type() && other.data_ptr() == member.data_ptr() &&
                      other.sizes() == member.sizes() && other.strides() == member.strides();
    if (other.is_same(member) || view) return m_state_entries[i].name;
  }
  return {};
}

void ModuleNetwork::add(const std::string& name, const at::Tensor& member, bool parameter) {
  if (!member.defined()) return;
  m_state_entries.push_back({name, member.scalar_type(), member.sizes().vec(), parameter, true, name_of_tensor(member)});
  m_members.push_back(member);
  m_loaded.emplace_back();
}

void ModuleNetwork::set(std::size_t index, const at::Tensor& tensor) {
  if (m_replace) m_loaded[index] = tensor;
}

at::Tensor ModuleNetwork::get(std::size_t index) const {
  return m_loaded[index].defined() ? m_loaded[index] : m_members[index].detach();
}

std::vector<at::Tensor> ModuleNetwork::ordered(NamedTensors inputs) const {
  std::vector<at::Tensor> result;
  const auto home = m_members.empty() ? at::Device(at::kCPU) : m_members.front().device();
  const auto take = [&](at::Tensor tensor) { result.push_back(tensor.to(home)); };
  if (m_inputs.empty() && inputs.size() > 1)
    throw Refusal(RefusalKind::usage, "the module takes several inputs, and nothing says in which order", {},
                  "name them: goldseal::live(module, {\"left\", \"right\"})");
  if (m_inputs.empty()) {
    for (auto& [name, tensor] : inputs) take(std::move(tensor));
    return result;
  }
  for (const auto& input : m_inputs) {
    for (auto& [name, tensor] : inputs)
      if (name == input.name) take(std::move(tensor));
  }
  if (result.size() != m_inputs.size() || inputs.size() != m_inputs.size())
    throw Refusal(RefusalKind::usage, "the inputs are not those that the module takes");
  return result;
}

NamedTensors ModuleNetwork::run(NamedTensors inputs, const Transform& transform, const LayerTap& tap) {
  try {
    auto outputs = compute(std::move(inputs), transform, tap);
    // A backward pass needs what the module computed with.
    if (!at::GradMode::is_enabled()) release();
    return outputs;
  } catch (...) {
    release();
    throw;
  }
}

NamedTensors ModuleNetwork::compute(NamedTensors inputs, const Transform& transform, const LayerTap& tap) {
  m_substitution.reset();
  m_substitution = std::make_unique<Substitution>(m_members);
  auto& substitution = *m_substitution;
  std::unordered_map<const void*, std::string> names;
  for (std::size_t i = 0; i < m_state_entries.size(); ++i) {
    const auto tensor = m_loaded[i].defined() ? m_loaded[i].to(substitution.own(i).device()) : substitution.own(i);
    auto computed = transform ? transform(m_state_entries[i].name, tensor) : tensor;
    // An operation in place on a buffer must not reach the caller's.
    if (!m_state_entries[i].parameter && computed.is_same(tensor)) computed = tensor.clone();
    if (!computed.is_same(substitution.own(i))) substitution.put(i, computed);
    names.emplace(m_members[i].unsafeGetTensorImpl(), m_state_entries[i].name);
  }
  const auto arguments = ordered(std::move(inputs));
  std::optional<OperatorWatch> watch;
  if (tap)
    watch.emplace(std::move(names), [&](const std::string& op, const std::string& entry, const at::Tensor& result) {
      const auto dot = entry.rfind('.');
      tap(dot == std::string::npos ? std::string() : entry.substr(0, dot), op, result);
    });
  return m_live.forward(arguments);
}

void ModuleNetwork::adopt() {
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < m_members.size(); ++i)
    if (m_loaded[i].defined()) m_members[i].copy_(m_loaded[i]);
}

NamedTensors ModuleNetwork::state() const {
  NamedTensors state;
  for (std::size_t i = 0; i < m_state_entries.size(); ++i)
    state.emplace_back(m_state_entries[i].name, m_members[i].detach().to(at::kCPU).contiguous());
  return state;
}

Preserved::Preserved(torch::nn::Module& module) : m_threads(at::get_num_threads()) {
  for (const auto& part : module.modules(/*include_self=*/false)) m_modes.emplace_back(part, part->is_training());
  // The module itself may be no shared pointer of its own.
  m_modes.emplace(m_modes.begin(), std::shared_ptr<torch::nn::Module>(std::shared_ptr<void>(), &module),
                  module.is_training());
  auto generator = at::detail::getDefaultCPUGenerator();
  const std::lock_guard<std::mutex> lock(generator.mutex());
  m_random = generator.get_state();
  module.eval();
}

Preserved::~Preserved() {
  // train() reaches all that is below: each part's own mode comes after its parents'.
  for (const auto& [part, training] : m_modes) part->train(training);
  auto generator = at::detail::getDefaultCPUGenerator();
  const std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_state(m_random);
  if (at::get_num_threads() != m_threads) at::set_num_threads(m_threads);
}

}  // namespace goldseal::worker
