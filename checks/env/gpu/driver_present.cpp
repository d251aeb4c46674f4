// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine.hpp>
#include <checks/env/host/machine_checks.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

namespace goldseal {
namespace {

bool in_container(const Environment& machine) { return machine.text("host.container").value_or("none") != "none"; }

std::string remedy_for(const Environment& machine) {
  const auto container = machine.text("host.container").value_or("none");
  if (container == "docker" || container == "podman")
    return "start the container with GPUs: --gpus all (NVIDIA Container Toolkit)";
  if (container == "kubernetes") return "request nvidia.com/gpu in the pod's resources";
  if (container == "singularity") return "run with --nv";
  if (machine.boolean("host.wsl") == true) return "install NVIDIA's driver for WSL on Windows, none inside Linux";
  if (machine.has("driver.kernel_version")) return "see `nvidia-smi`: the driver is loaded, but gives no device";
  return shows_nvidia_gpu(machine) ? "install NVIDIA's driver" : "use a machine with an NVIDIA GPU, or run on the CPU";
}

// ROCm has its driver in the kernel, and programs reach it through one file.
Finding judge_amd_driver(const Observation& observed, bool wanted) {
  const auto files = observed.machine.environment.list("driver.device_files").value_or(std::vector<std::string>{});
  if (std::ranges::find(files, "/dev/kfd") != files.end()) return passed("the kernel's driver for AMD GPUs is there");
  if (!wanted) return skipped(fmt::format("{}, and no AMD GPU is here", serves_on_cpu_since(observed)));
  return gpu_breach(observed, "no AMD GPU can be used: ROCm's device file is absent", "/dev/kfd", "no /dev/kfd",
                    in_container(observed.machine.environment)
                        ? "start the container with --device=/dev/kfd --device=/dev/dri"
                        : "load the amdgpu kernel module, or use a machine with an AMD GPU");
}

Finding judge_driver_present(const Observation& observed, const CheckSettings&) {
  const auto& machine = observed.machine.environment;
  const auto state = machine.text("driver.libcuda");
  const bool wanted = serves_on_gpu(observed);
  if (is_rocm(machine)) return judge_amd_driver(observed, wanted);
  if (!wanted && !shows_nvidia_gpu(machine)) 
    return skipped(fmt::format("{}, and no GPU is here", serves_on_cpu_since(observed)));
  if (!state) {
    if (!visible_gpus(machine).empty()) return passed("the driver gives devices");
    return undecided("what CUDA's driver says is not known of this machine",
                     "capture the machine with `goldseal probe`");
  }
  const auto devices = machine.integer("driver.cuda_device_count").value_or(0);
  if (*state == "ok" && devices > 0) {
    return passed(devices == 1 ? std::string("the driver gives 1 device")
                               : fmt::format("the driver gives {} devices", devices));
  }
  const auto actual = *state == "absent" ? std::string("libcuda.so.1 is absent")
                      : *state == "ok"   ? "no device"
                                         : *state;
  // PyTorch's own words, which people search for; of other failures of cuInit it tells the number alone.
  const auto words = *state == "absent" ? ": \"Found no NVIDIA driver on your system\""
                     : *state == "ok" || state->starts_with("CUDA_ERROR_NO_DEVICE") ? ": \"No CUDA GPUs are available\""
                                                                                    : "";
  return gpu_breach(observed, fmt::format("no CUDA device can be used{}", words), "a driver and a device", actual,
                    remedy_for(machine));
}

}  // namespace

const Check k_env_driver_present{
    .id = "env.driver.present",
    .title = "A usable CUDA device",
    .explanation =
        "Whether libcuda is there, starts, and gives a device, where the model was sealed on one. In a container "
        "without --gpus, libcuda is missing and PyTorch says \"Found no NVIDIA driver on your system\"; where "
        "CUDA_VISIBLE_DEVICES hides all devices, or the driver is broken, cuInit fails.",
    .severity = Severity::fail,
    .judge = judge_driver_present,
};

}  // namespace goldseal
