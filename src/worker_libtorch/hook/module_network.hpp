// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "networks/network.hpp"

#include <goldseal/hook.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace goldseal::worker {

/// A live module with its own weights. What is loaded is compared with its state entries; with `replace` it is also
/// what the module computes with, and what adopt() puts in. The module's tensors stay the same objects throughout.
class ModuleNetwork final : public Network {
 public:
  ModuleNetwork(LiveModule live, bool replace);
  ~ModuleNetwork() override;
  ModuleNetwork(const ModuleNetwork&) = delete;
  ModuleNetwork& operator=(const ModuleNetwork&) = delete;

  const std::vector<StateEntry>& state_entries() const override { return m_state_entries; }
  const std::vector<InputSpec>& inputs() const override { return m_inputs; }
  const std::map<std::string, std::string>& configuration() const override { return m_configuration; }
  void set(std::size_t index, const at::Tensor& tensor) override;
  at::Tensor get(std::size_t index) const override;
  /// With gradients enabled the module computes with other tensors until release(), and its own gradients are put
  /// aside.
  NamedTensors run(NamedTensors inputs, const Transform& transform, const LayerTap& tap) override;
  void release() override;

  /// The loaded values, copied into the module's own tensors.
  void adopt();

  /// The module's own tensors by name, on the CPU and contiguous.
  NamedTensors state() const;

 private:
  class Substitution;

  NamedTensors compute(NamedTensors inputs, const Transform& transform, const LayerTap& tap);
  void add(const std::string& name, const at::Tensor& member, bool parameter);
  std::string name_of_tensor(const at::Tensor& member) const;
  std::vector<at::Tensor> ordered(NamedTensors inputs) const;

  LiveModule m_live;
  bool m_replace;
  std::vector<StateEntry> m_state_entries;
  std::vector<at::Tensor> m_members;  // the module's own, by state entry
  std::vector<at::Tensor> m_loaded;   // undefined where nothing was
  std::vector<InputSpec> m_inputs;
  std::map<std::string, std::string> m_configuration;
  std::unique_ptr<Substitution> m_substitution;  // last: it restores the members
};

/// Evaluation mode for as long as it lives; then each submodule's mode, the CPU's random generator and the number of
/// threads are as they were.
class Preserved {
 public:
  explicit Preserved(torch::nn::Module& module);
  ~Preserved();
  Preserved(const Preserved&) = delete;
  Preserved& operator=(const Preserved&) = delete;

 private:
  std::vector<std::pair<std::shared_ptr<torch::nn::Module>, bool>> m_modes;
  at::Tensor m_random;
  int m_threads;
};

}  // namespace goldseal::worker
