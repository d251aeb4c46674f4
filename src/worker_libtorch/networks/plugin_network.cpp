// SPDX-License-Identifier: Apache-2.0
// A network from a shared library of the user's own (plugin/goldseal/plugin.hpp).
#include "darknet/files.hpp"
#include "networks/network.hpp"
#include "numerics/operator_watch.hpp"
#include "protocol/error.hpp"

#include <goldseal/plugin.hpp>

#include <ATen/core/grad_mode.h>
#include <dlfcn.h>

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

namespace goldseal::worker {
namespace {

// Opened for as long as the process lives: LibTorch may keep pointers into it.
class Library {
 public:
  explicit Library(const std::string& path) : m_path(path), m_handle(::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (m_handle == nullptr)
      throw Refusal(RefusalKind::unsupported, ::dlerror(), path,
                    "build the plugin against LibTorch " TORCH_VERSION " with this machine's compiler");
  }

  template <class Function>
  Function symbol(const char* name) const {
    auto* const found = ::dlsym(m_handle, name);
    if (found == nullptr)
      throw Refusal(RefusalKind::usage, std::string("the library has no ") + name, m_path,
                    "name its factory with GOLDSEAL_PLUGIN(factory)");
    return reinterpret_cast<Function>(found);
  }

 private:
  std::string m_path;
  void* m_handle;
};

using Create = goldseal::Plugin* (*)(const goldseal::PluginOptions&);
using Destroy = void (*)(goldseal::Plugin*);

class PluginNetwork final : public Network {
 public:
  PluginNetwork(const std::string& path, const BuildOptions& options) : m_plugin(create(path, options)) {
    if (!m_plugin->module || !m_plugin->forward)
      throw Refusal(RefusalKind::usage, "the plugin's factory gave no module, or no forward function", path);
    m_plugin->module->eval();
    for (const auto& parameter : m_plugin->module->named_parameters()) add(parameter.key(), parameter.value(), true);
    for (const auto& buffer : m_plugin->module->named_buffers()) add(buffer.key(), buffer.value(), false);
    for (const auto& name : m_plugin->inputs) m_inputs.push_back({name, std::nullopt, std::nullopt});
  }

  const std::vector<StateEntry>& state_entries() const override { return m_state_entries; }
  const std::vector<InputSpec>& inputs() const override { return m_inputs; }
  const std::map<std::string, std::string>& configuration() const override { return m_configuration; }

  void set(std::size_t index, const at::Tensor& tensor) override {
    m_loaded[index] = tensor;
    m_members[index].set_data(tensor);
  }
  at::Tensor get(std::size_t index) const override { return m_loaded[index]; }

  NamedTensors run(NamedTensors inputs, const Transform& transform, const LayerTap& tap) override {
    std::map<std::string, at::Tensor> by_name;
    for (auto& [name, tensor] : inputs) {
      if (std::find(m_plugin->inputs.begin(), m_plugin->inputs.end(), name) == m_plugin->inputs.end())
        throw Refusal(RefusalKind::usage, "the network has no input `" + name + "`");
      by_name.emplace(name, std::move(tensor));
    }
    for (const auto& name : m_plugin->inputs)
      if (by_name.count(name) == 0) throw Refusal(RefusalKind::usage, "input `" + name + "` is missing");
    m_substitution.reset();
    m_substitution.emplace(*this, transform);
    std::optional<OperatorWatch> watch;
    if (tap)
      watch.emplace(member_names(),
                    [&](const std::string& op, const std::string& state_entry, const at::Tensor& result) {
                      const auto dot = state_entry.rfind('.');
                      tap(dot == std::string::npos ? std::string() : state_entry.substr(0, dot), op, result);
                    });
    auto outputs = m_plugin->forward(by_name);
    // A backward pass needs what the module computed with: it stays until the next run.
    if (!at::GradMode::is_enabled()) m_substitution.reset();
    return outputs;
  }

 private:
  std::unordered_map<const void*, std::string> member_names() const {
    std::unordered_map<const void*, std::string> names;
    for (std::size_t i = 0; i < m_state_entries.size(); ++i)
      names.emplace(m_members[i].unsafeGetTensorImpl(), m_state_entries[i].name);
    return names;
  }

  // For one run the module computes with converted tensors, and with copies of its buffers, which it may write to. The
  // gradients of its own parameters are those of the tensors that stand for them.
  class Substitution {
   public:
    Substitution(PluginNetwork& network, const Transform& transform) : m_network(network) {
      for (std::size_t i = 0; i < network.m_state_entries.size(); ++i) {
        const auto& loaded = network.m_loaded[i];
        auto tensor = transform ? transform(network.m_state_entries[i].name, loaded) : loaded;
        if (!network.m_state_entries[i].parameter && tensor.is_same(loaded)) tensor = loaded.clone();
        if (!tensor.is_same(loaded)) network.m_members[i].set_data(tensor);
        if (tensor.requires_grad()) hand_on(network.m_members[i], tensor);
      }
    }
    ~Substitution() {
      for (auto& [member, hook] : m_hooks) member.remove_hook(hook);
      for (auto& member : m_frozen) member.set_requires_grad(false);
      for (std::size_t i = 0; i < m_network.m_state_entries.size(); ++i)
        m_network.m_members[i].set_data(m_network.m_loaded[i]);
    }
    Substitution(const Substitution&) = delete;
    Substitution& operator=(const Substitution&) = delete;

   private:
    void hand_on(const at::Tensor& member, const at::Tensor& leaf) {
      if (!member.requires_grad()) {  // the user froze it
        member.set_requires_grad(true);
        m_frozen.push_back(member);
      }
      const auto hook = member.register_hook([leaf](const at::Tensor& gradient) {
        auto& sum = leaf.mutable_grad();
        sum = sum.defined() ? sum + gradient : gradient;
      });
      m_hooks.emplace_back(member, hook);
    }

    PluginNetwork& m_network;
    std::vector<std::pair<at::Tensor, unsigned>> m_hooks;
    std::vector<at::Tensor> m_frozen;
  };

  static std::unique_ptr<goldseal::Plugin, Destroy> create(const std::string& path, const BuildOptions& options) {
    require_file(path);
    const Library library(path);
    const auto destroy = library.symbol<Destroy>("goldseal_plugin_destroy");
    return {library.symbol<Create>("goldseal_plugin_create")(options), destroy};
  }

  // The name that the same tensor has already; empty for none.
  std::string name_of_tensor(const at::Tensor& member) const {
    for (std::size_t i = 0; i < m_members.size(); ++i)
      if (m_members[i].is_same(member)) return m_state_entries[i].name;
    return {};
  }

  void add(const std::string& name, const at::Tensor& member, bool parameter) {
    m_state_entries.push_back({name, member.scalar_type(), member.sizes().vec(), parameter, true, name_of_tensor(member)});
    m_members.push_back(member);
    m_loaded.emplace_back();
    // The factory's own values are of no use: a network without weights holds no memory for them.
    m_members.back().set_data(at::empty({0}, member.options()));
  }

  std::unique_ptr<goldseal::Plugin, Destroy> m_plugin;
  std::vector<StateEntry> m_state_entries;
  std::vector<at::Tensor> m_members;  // the module's own, by state entry
  std::vector<at::Tensor> m_loaded;
  std::vector<InputSpec> m_inputs;
  std::map<std::string, std::string> m_configuration;
  std::optional<Substitution> m_substitution;  // last: it restores the members
};

}  // namespace

std::unique_ptr<Network> build_plugin(const std::string& source, const BuildOptions& options) {
  return std::make_unique<PluginNetwork>(source, options);
}

}  // namespace goldseal::worker
