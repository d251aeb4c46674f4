// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine.hpp>
#include <checks/env/host/machine_checks.hpp>

#include <fmt/format.h>

namespace goldseal {
namespace {

constexpr const char* k_remedy =
    "reboot, or unload and load the nvidia kernel modules, so that both are of one version";

Finding judge_driver_match(const Observation& observed, const CheckSettings&) {
  const auto& machine = observed.machine.environment;
  const auto kernel = machine.text("driver.kernel_version");
  const auto library = machine.text("driver.version");
  const auto state = machine.text("driver.nvml").value_or("");
  if (state.find("mismatch") != std::string::npos)
    return gpu_breach(observed, fmt::format("the driver's kernel module and libraries are of two versions: {}", state),
                      "one version of both", kernel ? "kernel module " + *kernel : state, k_remedy);
  if (!kernel || !library) return skipped("no NVIDIA driver is known of this machine");
  if (*kernel == *library) return passed(fmt::format("kernel module and libraries are both {}", *kernel));
  return gpu_breach(
      observed, "the driver's kernel module and libraries are of two versions: \"Driver/library version mismatch\"",
      fmt::format("kernel module {}, as the libraries", *library), fmt::format("kernel module {}", *kernel), k_remedy);
}

}  // namespace

const Check k_env_driver_match{
    .id = "env.driver.match",
    .title = "NVIDIA kernel module and libraries",
    .explanation =
        "The version of the loaded kernel module (/proc/driver/nvidia/version) against that of the driver's libraries. "
        "After an upgrade without a reboot they differ, and every CUDA program fails: \"Driver/library version "
        "mismatch\". In a container the libraries come from the host, unless an image brings its own.",
    .severity = Severity::fail,
    .judge = judge_driver_match,
};

}  // namespace goldseal
