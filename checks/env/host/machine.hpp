// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/check.hpp>
#include <goldseal/environment/shared/version.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What the checks of a machine share: its facts read as the things they stand for.
namespace goldseal {

/// A GPU of the machine that is judged.
struct Gpu {
  std::string label;  ///< `GPU 0 (NVIDIA H100 80GB HBM3)`
  std::string name;
  std::optional<Version> capability;
  std::optional<std::int64_t> memory_bytes;
  std::optional<std::int64_t> memory_free_bytes;
  std::string prefix;  ///< of its facts: `gpu.0.`, `cuda_device.0.`
};

/// The devices that a CUDA program would see, where the driver said; else all that NVML lists.
[[nodiscard]] std::vector<Gpu> visible_gpus(const Environment& machine);
/// All that NVML lists.
[[nodiscard]] std::vector<Gpu> installed_gpus(const Environment& machine);
/// True where any fact shows an NVIDIA GPU, with or without a driver.
[[nodiscard]] bool shows_nvidia_gpu(const Environment& machine);

/// True where the sealed outputs were computed on a GPU: by `numerics.device`, or without it by a sealed machine whose
/// PyTorch and driver both had one.
[[nodiscard]] bool sealed_on_gpu(const Observation& observed);

/// True where the model needs a GPU here: where this machine was said to serve on one, else where it was sealed on one.
[[nodiscard]] bool serves_on_gpu(const Observation& observed);
/// `the model was sealed on the CPU`, `this machine serves on the CPU`: why it needs none.
[[nodiscard]] std::string_view serves_on_cpu_since(const Observation& observed);

/// What PyTorch there is built for beside the CPU: `CUDA 13.0`, `ROCm 7.2 (AMD GPUs)`, `XPU (Intel GPUs)`; empty for a
/// build for the CPU alone.
[[nodiscard]] std::string accelerator_of(const Environment& machine);
/// True for a build for AMD's GPUs, whose devices PyTorch calls `cuda:0` as well.
[[nodiscard]] bool is_rocm(const Environment& machine);

/// A fact of the machine's PyTorch; of the sealed one where the machine was captured without PyTorch.
[[nodiscard]] std::optional<std::string> torch_text(const Observation& observed, std::string_view name);
[[nodiscard]] std::optional<Version> version_fact(const Environment& machine, std::string_view name);

/// True where one of the two processes flushes denormals and the other does not, as far as either is known.
[[nodiscard]] bool flushes_otherwise(const Observation& observed);

/// Bytes of the model's tensors, aliases counted once.
[[nodiscard]] std::uint64_t weight_bytes(const Manifest& sealed);

/// `failed`, with the status of a warning whatever the policy says.
[[nodiscard]] Finding warned(std::string message, std::string expected, std::string actual, std::string remedy);
/// A breach that keeps a GPU from working: a failure where the model needs one, else a warning.
[[nodiscard]] Finding gpu_breach(const Observation& observed, std::string message, std::string expected,
                                 std::string actual, std::string remedy);

}  // namespace goldseal
