// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine.hpp>
#include <checks/env/host/machine_checks.hpp>

#include <fmt/format.h>

namespace goldseal {
namespace {

Finding judge_gpu_errors(const Observation& observed, const CheckSettings&) {
  const auto& machine = observed.machine.environment;
  const auto gpus = installed_gpus(machine);
  std::size_t counted = 0;
  for (const auto& gpu : gpus) {
    if (machine.boolean(gpu.prefix + "ecc.remap_failed") == true)
      return gpu_breach(observed, fmt::format("{}: damaged memory rows could not be replaced", gpu.label), "none",
                        "row remapping failed", "take the GPU out of service and have it replaced");
    const auto errors = machine.integer(gpu.prefix + "ecc.uncorrected");
    if (errors.value_or(0) > 0)
      return gpu_breach(observed, fmt::format("{}: uncorrectable memory errors since the driver was loaded", gpu.label),
                        "0", fmt::format("{}", *errors),
                        "reset the GPU (nvidia-smi -r) and run its diagnosis (dcgmi diag -r 3)");
    if (machine.boolean(gpu.prefix + "ecc.remap_pending") == true)
      return warned(fmt::format("{}: damaged memory rows wait for a reset to be replaced", gpu.label), "none",
                    "pending", "reset the GPU (nvidia-smi -r)");
    if (errors) ++counted;
  }
  if (counted == 0) return skipped("no GPU here counts memory errors");
  return passed(counted == 1 ? std::string("no uncorrectable memory error on the GPU")
                             : fmt::format("no uncorrectable memory error on {} GPUs", counted));
}

}  // namespace

const Check k_env_gpu_errors{
    .id = "env.gpu.errors",
    .title = "GPU memory errors",
    .explanation =
        "Uncorrectable ECC errors and failed row remapping, as NVML counts them. A GPU with either may compute wrong "
        "answers or stop with \"uncorrectable ECC error encountered\"; golden outputs that fail on one GPU of many "
        "point "
        "to the same.",
    .severity = Severity::fail,
    .judge = judge_gpu_errors,
};

}  // namespace goldseal
