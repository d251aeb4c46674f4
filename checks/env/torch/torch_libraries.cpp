// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine.hpp>
#include <checks/env/host/machine_checks.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace goldseal {
namespace {

// The driver's own libraries: `env.driver.present` speaks of them.
bool is_driver_library(const std::string& name) {
  return name.starts_with("libcuda.so") || name.starts_with("libnvidia-");
}

bool is_gpu_library(const std::string& name) {
  return name.starts_with("libcu") || name.starts_with("libnv") || name.starts_with("libnccl");
}

// What PyTorch itself is made of: something here was built for another release of it.
bool is_torch_library(const std::string& name) { return name.starts_with("libtorch") || name.starts_with("libc10"); }

Finding judge_torch_libraries(const Observation& observed, const CheckSettings&) {
  if (!observed.machine.environment.has("torch.needs_glibc"))
    return skipped("no PyTorch libraries are known of this machine");
  auto missing = observed.machine.environment.list("torch.missing_libraries").value_or(std::vector<std::string>{});
  std::erase_if(missing, is_driver_library);
  if (missing.empty()) return passed("the loader finds every library that PyTorch needs");
  const auto message = fmt::format("\"{}: cannot open shared object file\"", missing.front());
  const auto actual = fmt::format("missing: {}", fmt::join(missing, ", "));
  if (std::ranges::all_of(missing, is_gpu_library))
    return gpu_breach(observed, message, "every library is found", actual,
                      "install the nvidia-* packages of this PyTorch again (pip install --force-reinstall torch)");
  if (std::ranges::any_of(missing, is_torch_library))
    return failed(message, "every library is found", actual,
                  "a part of PyTorch, or an extension, was built for another release: install both again, of one");
  return failed(message, "every library is found", actual,
                "install PyTorch again, or add the library's directory to LD_LIBRARY_PATH (lib or lib64)");
}

}  // namespace

const Check k_env_torch_libraries{
    .id = "env.torch.libraries",
    .title = "Libraries that PyTorch needs",
    .explanation =
        "Whether the dynamic loader would find every library that PyTorch's own ask for, told from their tables and "
        "the "
        "loader's search path, before anything is loaded. A half-installed CUDA build lacks libcudnn.so.9 or "
        "libcublas; \"cannot open shared object file\".",
    .severity = Severity::fail,
    .judge = judge_torch_libraries,
};

}  // namespace goldseal
