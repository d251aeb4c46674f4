// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>
#include <torch/version.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace goldseal {

/// A network of your own for `--model plugin:LIBRARY.so?key=value`: its module, and how it is called.
///
/// The module's parameters and buffers are filled from the checkpoint under their dotted names, the same as in Python.
/// In a run they may hold other tensors (float64 ones, for the reference), so `forward` must take types and devices
/// from its inputs. The module is put into evaluation mode, and gradients are off.
struct Plugin {
  std::shared_ptr<torch::nn::Module> module;
  std::vector<std::string> inputs;  ///< names, in any order
  /// Inputs by name in, outputs by name out, in the order in which they are to be reported.
  std::function<std::vector<std::pair<std::string, at::Tensor>>(const std::map<std::string, at::Tensor>& inputs)>
      forward;
};

/// What follows `?` in the model's name.
using PluginOptions = std::map<std::string, std::string>;

/// The version of this header's layout; a worker refuses another.
#define GOLDSEAL_PLUGIN_VERSION 1

/// What is read of a plugin before it is opened, as an ELF note: a plugin of another LibTorch would pull a second one
/// into the process, which ends in a crash.
struct PluginNote {
  std::uint32_t name_size = 9;
  std::uint32_t description_size = 64;
  std::uint32_t type = GOLDSEAL_PLUGIN_VERSION;
  char name[12] = "goldseal";
  char description[64] = TORCH_VERSION;
};

}  // namespace goldseal

/// Makes `factory`, a function that takes `const goldseal::PluginOptions&` and returns a `goldseal::Plugin`, the
/// library's network. Once in a library. What the factory throws is shown to the user.
#define GOLDSEAL_PLUGIN(factory)                                                                                 \
  extern "C" __attribute__((used, section(".note.goldseal"))) const goldseal::PluginNote goldseal_plugin_note{}; \
  extern "C" goldseal::Plugin* goldseal_plugin_create(const goldseal::PluginOptions& options) {                  \
    return new goldseal::Plugin(factory(options));                                                               \
  }                                                                                                              \
  extern "C" void goldseal_plugin_destroy(goldseal::Plugin* plugin) { delete plugin; }
