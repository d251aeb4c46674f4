// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine.hpp>
#include <checks/env/host/machine_checks.hpp>

#include <fmt/format.h>

namespace goldseal {
namespace {

// What PyTorch would compute on here, where nothing is wrong.
Finding suits(const Observation& observed, const std::string& what) {
  const auto& machine = observed.machine.environment;
  const bool idle =
      !serves_on_gpu(observed) && machine.text("driver.libcuda") == "absent" && visible_gpus(machine).empty();
  return passed(idle ? fmt::format("{}; without a driver here it runs on the CPU, as the sealed run did", what) : what);
}

Finding judge_without_cuda(const Observation& observed, const std::string& version, const std::string& accelerator) {
  const bool other = !accelerator.empty();
  if (serves_on_gpu(observed))
    return failed(fmt::format("PyTorch here is built {}, and {}: \"Torch not compiled with CUDA enabled\"",
                              other ? fmt::format("for {} and not for CUDA", accelerator) : "without CUDA",
                              sealed_on_gpu(observed) ? "the model was sealed on a GPU" : "this machine serves on its GPU"),
                  "a build with CUDA", fmt::format("{} {}{}", version, other ? "for " : "without CUDA", accelerator),
                  fmt::format("install the CUDA build of PyTorch (a +cu label instead of +{})", other ? "xpu" : "cpu"));
  if (other)
    return passed(fmt::format("PyTorch {} is built for {}; goldseal runs it on the CPU", version, accelerator));
  if (shows_nvidia_gpu(observed.machine.environment))
    return passed(
        fmt::format("PyTorch {} is built without CUDA and leaves the GPU here unused, as the sealed run did", version));
  return passed(fmt::format("PyTorch {} runs on the CPU, as the sealed run did", version));
}

Finding judge_torch_build(const Observation& observed, const CheckSettings&) {
  const auto& machine = observed.machine.environment;
  if (const auto error = machine.text("torch.gpu_library_error"))
    return gpu_breach(observed, "the GPU half of PyTorch cannot be loaded", "libtorch_cuda loads", *error,
                      "install the libraries that it names; a wheel brings them as nvidia-* packages");
  if (!machine.has("torch.version")) return skipped("no PyTorch is known of this machine");
  const auto version = machine.shown("torch.version");
  const auto accelerator = accelerator_of(machine);
  if (!is_rocm(machine) && !accelerator.starts_with("CUDA")) return judge_without_cuda(observed, version, accelerator);
  const auto what = fmt::format("PyTorch {} is built for {}", version, accelerator);
  if (is_rocm(machine) && sealed_on_gpu(observed) && !is_rocm(observed.sealed.environment))
    return warned(fmt::format("{}, and the model was sealed on CUDA: every kernel is another one", what),
                  "a build with CUDA", fmt::format("{} for {}", version, accelerator),
                  "nothing, if the golden checks pass here; a build with CUDA needs an NVIDIA GPU");
  return suits(observed, what);
}

}  // namespace

const Check k_env_torch_build{
    .id = "env.torch.build",
    .title = "PyTorch with CUDA where the model needs it",
    .explanation =
        "Whether the machine's PyTorch has its CUDA half, and that half can be loaded, where the model was sealed on a "
        "GPU. A CPU wheel on a GPU machine says \"Torch not compiled with CUDA enabled\"; a missing libcudnn or "
        "libcublas makes PyTorch fall back to the CPU in silence. Builds for AMD's GPUs (ROCm), which call their "
        "devices cuda:0 too, and for Intel's (XPU) are told apart.",
    .severity = Severity::fail,
    .judge = judge_torch_build,
};

}  // namespace goldseal
