// SPDX-License-Identifier: Apache-2.0
#pragma once

// The native library of an AOTInductor package. Only for a LibTorch that can run one: from 2.8 on, when its runner
// began to give the constants out and to take tensors without a copy.
#include <torch/version.h>

#if __has_include(<torch/csrc/inductor/aoti_runner/model_container_runner.h>) && \
    (TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 8))
#define GOLDSEAL_HAS_AOTI 1

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace torch::inductor {
class AOTIModelContainerRunner;
}

namespace goldseal::worker {

/// A tensor that the compiled code takes from outside.
struct AotiConstant {
  std::string name;                  ///< in the exported module's state dict, or of a tensor that only its code had
  std::vector<std::string> symbols;  ///< what the library calls it
  at::ScalarType dtype = at::kFloat;
  std::vector<std::int64_t> shape;
  bool parameter = true;  ///< no buffer and no constant of the code
  bool buffer = false;    ///< of a state dict or not: a package does not say
  at::Tensor value;       ///< that was compiled in; undefined for a package without its constants
};

/// Opens the library and runs it. Opening executes code of the package.
class AotiLibrary {
 public:
  /// `device` is the package's kind: `cpu`, `cuda`. Throws Refusal (`unsupported`) for one that this LibTorch cannot
  /// run, and what LibTorch raises.
  AotiLibrary(const std::string& path, const std::string& device);
  ~AotiLibrary();

  const std::vector<AotiConstant>& constants() const { return m_constants; }
  /// How torch.export describes the nesting of arguments and results (JSON).
  const std::string& in_spec() const { return m_in_spec; }
  const std::string& out_spec() const { return m_out_spec; }

  /// Has the code compute with `tensors`, one for each constant (undefined: it keeps what it has), without a copy
  /// where they lie in memory as the code expects. Shapes and types are the constants': LibTorch checks neither.
  void use(std::vector<at::Tensor> tensors);

  /// What the code computes with, by constant; undefined where it has none.
  std::vector<at::Tensor> held() const;

  std::vector<at::Tensor> run(const std::vector<at::Tensor>& inputs);

 private:
  void read_constants();
  void measure();

  std::unique_ptr<torch::inductor::AOTIModelContainerRunner> m_runner;
  std::string m_device;
  std::vector<AotiConstant> m_constants;
  std::string m_in_spec;
  std::string m_out_spec;
  std::unordered_map<std::string, at::Tensor> m_used;  // by symbol; the library keeps pointers into it
};

}  // namespace goldseal::worker
#endif
