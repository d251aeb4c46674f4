// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine.hpp>
#include <checks/env/host/machine_checks.hpp>
#include <checks/tables.hpp>

#include <fmt/format.h>

namespace goldseal {
namespace {

// The newest CUDA that the driver runs: what it says, else what NVIDIA's table says of its version.
std::optional<std::string> driver_cuda(const Environment& machine) {
  if (auto told = machine.text("driver.cuda_version")) return told;
  for (const auto* name : {"driver.version", "driver.kernel_version"}) {
    if (const auto version = version_fact(machine, name)) return newest_cuda(*version);
  }
  return std::nullopt;
}

std::string remedy_for(const Version& build) {
  const auto least = least_driver(build);
  const auto which = least ? fmt::format("NVIDIA driver {} or newer", *least) : std::string("a newer NVIDIA driver");
  return fmt::format("install {}, or a PyTorch build for an older CUDA", which);
}

// As PyTorch puts it, with the number that cudaDriverGetVersion gives: 12.2 is 12020.
std::string torch_words(const Version& driver) {
  return fmt::format("\"The NVIDIA driver on your system is too old (found version {})\"",
                     1000 * driver.number(0) + 10 * driver.number(1));
}

bool meets_minor_compatibility(const Environment& machine, const Version& build) {
  const auto driver = version_fact(machine, "driver.version");
  const auto least = least_driver_of_major(build.number(0));
  if (!driver || !least) return true;  // the major version alone decides
  return *parse_version(*least) <= *driver;
}

Finding judge_driver_cuda(const Observation& observed, const CheckSettings&) {
  const auto build_text = torch_text(observed, "torch.cuda_build");
  const auto build = build_text ? parse_version(*build_text) : std::nullopt;
  if (!build) return skipped("PyTorch is built without CUDA");
  const auto driver_text = driver_cuda(observed.machine.environment);
  const auto driver = driver_text ? parse_version(*driver_text) : std::nullopt;
  if (!driver) return skipped("no NVIDIA driver is known of this machine");
  const auto version = observed.machine.environment.text("driver.version");
  const auto actual =
      version ? fmt::format("driver {} (CUDA {})", *version, *driver_text) : fmt::format("CUDA {}", *driver_text);
  const auto expected = fmt::format("a driver for CUDA {}", *build_text);
  if (*driver >= *build || driver->same_until(*build, 2)) {
    auto finding = passed(fmt::format("the driver runs CUDA {}", *build_text));
    finding.expected = expected;
    finding.actual = actual;
    return finding;
  }
  const bool same_major = driver->number(0) == build->number(0) && build->number(0) >= 11;
  if (!same_major || !meets_minor_compatibility(observed.machine.environment, *build))
    return gpu_breach(observed,
                      fmt::format("the NVIDIA driver is too old for CUDA {}: {}", *build_text, torch_words(*driver)),
                      expected, actual, remedy_for(*build));
  return warned(
      fmt::format("the driver is older than PyTorch's CUDA {}, but of the same major version: it runs machine "
                  "code for this GPU, and refuses PTX (\"unsupported toolchain\")",
                  *build_text),
      expected, actual, remedy_for(*build));
}

}  // namespace

const Check k_env_driver_cuda{
    .id = "env.driver.cuda",
    .title = "NVIDIA driver against PyTorch's CUDA",
    .explanation =
        "The newest CUDA version that the driver runs, against the one that PyTorch was built for. An older major "
        "version fails: \"The NVIDIA driver on your system is too old\". Within one major version (from CUDA 11 on) "
        "machine code runs, but PTX, which PyTorch falls back to on a GPU that its build does not list and which "
        "torch.compile generates, does not: \"the provided PTX was compiled with an unsupported toolchain\".",
    .severity = Severity::fail,
    .judge = judge_driver_cuda,
};

}  // namespace goldseal
