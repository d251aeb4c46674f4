// SPDX-License-Identifier: Apache-2.0
// Seals what a LibTorch program trains, and judges it where it serves:
//   goldseal::save(net, "net.safetensors", {{"image", batch}});     // writes the weights, and net.seal beside them
//   if (!goldseal::load("net.seal", net)) …                          // in another program, on another machine
// The work is the goldseal command's, which must be installed: this program hands it the live module. C++17.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace goldseal {

/// Tensors by name, in an order: the inputs in that of forward()'s arguments, and what it returns.
using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// A module and how it is called: with tensors in the order of `inputs`. `live` makes one of a module.
struct LiveModule {
  std::shared_ptr<torch::nn::Module> module;
  std::function<NamedTensors(const std::vector<at::Tensor>& inputs)> forward;
  std::string name;                 ///< of its class, for the seal
  std::vector<std::string> inputs;  ///< names; may be empty where there is one input, or where they are given to save()
};

/// One check's verdict. Texts are empty where the check states none.
struct HookFinding {
  std::string id;
  std::string status;  ///< pass, warn, fail, unknown, skipped
  std::string message;
  std::string fix;
};

/// What the command found.
struct HookReport {
  int exit_code = 2;  ///< 0 conforms, 1 a check failed, 2 no verdict, 3 inconclusive, 4 damaged or changed
  std::string text;   ///< as the command prints it, or why there is no verdict
  std::vector<HookFinding> findings;

  /// True exactly where everything that must hold does.
  explicit operator bool() const { return exit_code == 0; }
};

struct SealOptions {
  /// How the network is built elsewhere without this program, as `--model` takes it: `plugin:libnet.so?width=8`,
  /// `torchscript:net.pt`. Where it is empty, programs with the same module verify it.
  std::string model;
  std::filesystem::path seal;          ///< the checkpoint's name with `.seal` where it is empty
  bool anonymous = false;              ///< leaves out host name and serial numbers
  std::filesystem::path sign_key;      ///< a private key (PEM) to sign the seal with; empty: it is not signed
  std::filesystem::path sign_passphrase_file;  ///< of an encrypted key
  int timeout = 600;                   ///< seconds
  std::vector<std::string> arguments;  ///< further ones of `goldseal capture`
};

struct VerifyOptions {
  std::filesystem::path checkpoint;  ///< where the sealed one lies elsewhere
  std::string policy;
  bool quick = false;
  std::vector<std::string> signed_by;  ///< files with the keys or certificates of which one must have signed the seal
  std::vector<std::string> identities;  ///< of signers whom an authority among those vouches for
  int timeout = 600;
  std::vector<std::string> arguments;  ///< further ones of `goldseal verify`
};

/// Writes the state dict of `module` as safetensors, then seals it by running the golden inputs in this process. The
/// module's mode, buffers, gradients and the random generator are left as they were. Throws std::runtime_error where
/// the checkpoint cannot be written; a failure to seal is told by the report and on standard error, and ends nothing.
HookReport save(const LiveModule& module, const std::filesystem::path& checkpoint, const NamedTensors& inputs,
                const SealOptions& options = {});

/// Judges everything about a seal here, with this very module and the weights that it has.
HookReport verify(const std::filesystem::path& seal, const LiveModule& module, const VerifyOptions& options = {});

/// Loads the sealed checkpoint into `module` where everything about it conforms with that very module; else the module
/// is left untouched, and the report says why.
HookReport load(const std::filesystem::path& seal, const LiveModule& module, const VerifyOptions& options = {});

namespace hook {

inline constexpr std::size_t k_most_inputs = 8;

template <class Impl, std::size_t... Place>
auto call(Impl& module, const std::vector<at::Tensor>& inputs, std::index_sequence<Place...>)
    -> decltype(module.forward(at::Tensor(inputs[Place])...)) {
  return module.forward(at::Tensor(inputs[Place])...);
}

template <class Impl, std::size_t Count, class = void>
struct Takes : std::false_type {};
template <class Impl, std::size_t Count>
struct Takes<Impl, Count,
             std::void_t<decltype(call(std::declval<Impl&>(), std::declval<const std::vector<at::Tensor>&>(),
                                       std::make_index_sequence<Count>()))>> : std::true_type {};

inline NamedTensors named(const at::Tensor& output) { return {{"output", output}}; }
inline NamedTensors named(const NamedTensors& outputs) { return outputs; }

inline NamedTensors named(const std::vector<at::Tensor>& outputs) {
  NamedTensors result;
  for (const auto& output : outputs) result.emplace_back(std::to_string(result.size()), output);
  return result;
}

inline NamedTensors named(const std::map<std::string, at::Tensor>& outputs) { return {outputs.begin(), outputs.end()}; }

template <class... Outputs>
NamedTensors named(const std::tuple<Outputs...>& outputs) {
  return std::apply([](const auto&... output) { return named(std::vector<at::Tensor>{output...}); }, outputs);
}

template <class Impl, std::size_t Count = 1>
NamedTensors forward(Impl& module, const std::vector<at::Tensor>& inputs) {
  if constexpr (Takes<Impl, Count>::value) {
    if (inputs.size() == Count) return named(call(module, inputs, std::make_index_sequence<Count>()));
  }
  if constexpr (Count < k_most_inputs) {
    return forward<Impl, Count + 1>(module, inputs);
  } else {
    throw std::invalid_argument("forward() does not take " + std::to_string(inputs.size()) + " tensors");
  }
}

}  // namespace hook

/// A module whose forward() takes tensors alone (up to eight) and returns a tensor, a tuple or vector of them, a
/// std::map or NamedTensors. Outputs without names are `output`, or `0`, `1` …. `inputs` names its arguments.
template <class Impl>
LiveModule live(const std::shared_ptr<Impl>& module, std::vector<std::string> inputs = {}) {
  static_assert(std::is_base_of<torch::nn::Module, Impl>::value, "expected a torch::nn::Module");
  return {module, [module](const std::vector<at::Tensor>& inputs) { return hook::forward(*module, inputs); },
          module->name(), std::move(inputs)};
}

/// The same for what TORCH_MODULE declares.
template <class Impl>
LiveModule live(const torch::nn::ModuleHolder<Impl>& holder, std::vector<std::string> inputs = {}) {
  return live(holder.ptr(), std::move(inputs));
}

template <class Module>
HookReport save(const Module& module, const std::filesystem::path& checkpoint, const NamedTensors& inputs,
                const SealOptions& options = {}) {
  return save(live(module), checkpoint, inputs, options);
}

template <class Module>
HookReport verify(const std::filesystem::path& seal, const Module& module, const VerifyOptions& options = {}) {
  return verify(seal, live(module), options);
}

template <class Module>
HookReport load(const std::filesystem::path& seal, const Module& module, const VerifyOptions& options = {}) {
  return load(seal, live(module), options);
}

}  // namespace goldseal
