// SPDX-License-Identifier: Apache-2.0
#include <checks/env/machine.hpp>
#include <checks/env/machine_checks.hpp>

#include <fmt/format.h>

namespace goldseal {
namespace {

Finding judge_torch_build(const Observation& observed, const CheckSettings&) {
  const auto& machine = observed.found;
  if (const auto error = machine.text("torch.gpu_library_error"))
    return gpu_breach(observed, "the CUDA half of PyTorch cannot be loaded", "libtorch_cuda loads", *error,
                      "install the libraries that it names; a wheel brings them as nvidia-* packages");
  if (!machine.has("torch.version")) return skipped("no PyTorch is known of this machine");
  const auto build = machine.text("torch.cuda_build");
  const bool without_cuda = !build && machine.boolean("torch.cuda") != true;
  const auto version = machine.shown("torch.version");
  if (!without_cuda) return passed(fmt::format("PyTorch {} is built for CUDA {}", version, build.value_or("")));
  if (machine.has("torch.hip_build")) return passed(fmt::format("PyTorch {} is built for ROCm", version));
  if (sealed_on_gpu(observed))
    return failed(
        "PyTorch here is built without CUDA, and the model was sealed on a GPU: \"Torch not compiled with CUDA "
        "enabled\"",
        "a build with CUDA", fmt::format("{} without CUDA", version),
        "install the CUDA build of PyTorch (a +cu label instead of +cpu)");
  if (shows_nvidia_gpu(machine))
    return passed(
        fmt::format("PyTorch {} is built without CUDA and leaves the GPU here unused, as the sealed run did", version));
  return passed(fmt::format("PyTorch {} runs on the CPU, as the sealed run did", version));
}

}  // namespace

const Check k_env_torch_build{
    .id = "env.torch.build",
    .title = "PyTorch with CUDA where the model needs it",
    .explanation =
        "Whether the machine's PyTorch has its CUDA half, and that half can be loaded, where the model was sealed on a "
        "GPU. A CPU wheel on a GPU machine says \"Torch not compiled with CUDA enabled\"; a missing libcudnn or "
        "libcublas makes PyTorch fall back to the CPU in silence.",
    .severity = Severity::fail,
    .judge = judge_torch_build,
};

}  // namespace goldseal
