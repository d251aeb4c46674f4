// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace goldseal::worker {

/// A place of the network that takes a tensor. State entries come in the order of the state dict.
struct StateEntry {
  std::string name;
  at::ScalarType dtype;
  std::vector<std::int64_t> shape;
  bool parameter;
  bool persistent;
  std::string alias_of = {};  // a state entry before it that is the same tensor (tied weights); empty for none
};

/// An input as far as the architecture says; nothing where it does not.
struct InputSpec {
  std::string name;
  std::optional<std::vector<std::optional<std::int64_t>>> shape;
  std::optional<at::ScalarType> dtype;
};

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// What a run computes with instead of a state entry's tensor: given the state entry's name and its tensor, it returns
/// a temporary one (converted, perturbed, on another device). An empty Transform leaves every tensor as it is.
using Transform = std::function<at::Tensor(const std::string& name, const at::Tensor& tensor)>;

/// Told of each layer's output as it is computed: the module's path, the operator, the result. It must not keep the
/// result, which may be overwritten. An empty one is not called.
using LayerTap = std::function<void(const std::string& module, const std::string& op, const at::Tensor& result)>;

/// A network that was built: its state entries are empty until set() fills them.
class Network {
 public:
  virtual ~Network() = default;

  virtual const std::vector<StateEntry>& state_entries() const = 0;
  virtual const std::vector<InputSpec>& inputs() const = 0;
  virtual const std::map<std::string, std::string>& configuration() const = 0;

  /// Puts `tensor` into state entry `index`, sharing its storage. Shape and dtype are the state entry's (the caller has
  /// checked).
  virtual void set(std::size_t index, const at::Tensor& tensor) = 0;

  /// What state entry `index` holds; undefined or on the meta device while it is empty.
  virtual at::Tensor get(std::size_t index) const = 0;

  /// One forward pass in evaluation mode. State entries are never written. Every input that the network takes must be there.
  virtual NamedTensors run(NamedTensors inputs, const Transform& transform, const LayerTap& tap) = 0;

  /// Whether its code takes stand-ins for weights (numerics/stand_in.hpp).
  virtual bool streams() const { return false; }

  /// The backward pass through the last run, if there was one, is over: nothing need be kept for it.
  virtual void release() {}
};

using BuildOptions = std::map<std::string, std::string>;

/// Builds a network without memory for its weights.
using Builder = std::function<std::unique_ptr<Network>(const std::string& source, const BuildOptions& options)>;

/// The names that an option lists, with commas between them, in their order; none where it is not given.
std::vector<std::string> names_of_option(const BuildOptions& options, const std::string& key);

/// Throws Refusal (`usage`) for a name without a state entry. `whose` names the owner of the state entries: `archive`.
void require_non_persistent(const std::set<std::string>& names, const std::vector<StateEntry>& state_entries,
                            const std::string& whose);

/// By the name that a request gives.
using Builders = std::map<std::string, Builder, std::less<>>;

/// Only where LibTorch can run packages of AOTInductor (aoti_library.hpp).
std::unique_ptr<Network> build_aoti(const std::string& source, const BuildOptions& options);
std::unique_ptr<Network> build_darknet(const std::string& source, const BuildOptions& options);
std::unique_ptr<Network> build_export(const std::string& source, const BuildOptions& options);
std::unique_ptr<Network> build_plugin(const std::string& source, const BuildOptions& options);
std::unique_ptr<Network> build_torchscript(const std::string& source, const BuildOptions& options);

/// What the worker's own process builds.
const Builders& builders();

/// `float32` and so on: PyTorch's names without `torch.`. dtype_of_name gives nothing for a name that it does not know.
std::string name_of_dtype(at::ScalarType dtype);
std::optional<at::ScalarType> dtype_of_name(std::string_view name);

/// `[32, 3, 3, 3]`, for messages.
std::string text_of_shape(at::IntArrayRef shape);

/// The shortest decimal that reads back exactly.
std::string text_of_number(double value);

}  // namespace goldseal::worker
