// SPDX-License-Identifier: Apache-2.0
#include "protocol/run_settings.hpp"

#include "protocol/error.hpp"
#include "protocol/fields.hpp"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <torch/version.h>

namespace goldseal::worker {
namespace {

constexpr std::uint64_t k_max_threads = 4096;

c10::Device read_device(const std::string& name) {
  c10::Device device = c10::kCPU;
  try {
    device = c10::Device(name);
  } catch (const c10::Error&) {
    throw Refusal(RefusalKind::usage, "`device` is `cpu` or `cuda:N`; found `" + name + "`");
  }
  if (device.is_cpu()) return device;
  const auto index = device.has_index() ? device.index() : 0;
  if (device.type() != c10::kCUDA || static_cast<std::size_t>(index) >= at::getNumGPUs())
    throw Refusal(RefusalKind::unsupported,
                  "device " + name + " is not there: PyTorch sees " + std::to_string(at::getNumGPUs()) + " GPUs");
  return {device.type(), static_cast<c10::DeviceIndex>(index)};
}

// scaled_dot_product_attention came with LibTorch 2.0.
bool allows_flash([[maybe_unused]] const at::Context& context) {
#if TORCH_VERSION_MAJOR >= 2
  return context.userEnabledFlashSDP();
#else
  return false;
#endif
}

bool allows_efficient([[maybe_unused]] const at::Context& context) {
#if TORCH_VERSION_MAJOR >= 2
  return context.userEnabledMemEfficientSDP();
#else
  return false;
#endif
}

}  // namespace

RunSettings read_settings(const nlohmann::json& settings) {
  RunSettings read;
  if (const auto threads = optional_natural(settings, "threads")) {
    if (*threads == 0 || *threads > k_max_threads)
      throw Refusal(RefusalKind::usage, "`threads` is from 1 to " + std::to_string(k_max_threads));
    read.threads = static_cast<int>(*threads);
  }
  read.onednn = optional_bool(settings, "onednn");
  read.channels_last = optional_bool(settings, "channels_last");
  read.tf32 = optional_bool(settings, "tf32");
  read.deterministic = optional_bool(settings, "deterministic");
  if (const auto device = optional_text(settings, "device")) read.device = read_device(*device);
  return read;
}

NumericState NumericState::current() {
  const auto& context = at::globalContext();
  return {at::get_num_threads(),        context.userEnabledMkldnn(),       context.allowTF32CuBLAS(),
          context.allowTF32CuDNN(),     context.deterministicAlgorithms(), context.deterministicAlgorithmsWarnOnly(),
          context.deterministicCuDNN(), context.benchmarkCuDNN(),         allows_flash(context),
          allows_efficient(context)};
}

void NumericState::apply() const {
  auto& context = at::globalContext();
  if (at::get_num_threads() != threads) at::set_num_threads(threads);
  context.setUserEnabledMkldnn(onednn);
  if (context.allowTF32CuBLAS() != tf32_matmul) context.setAllowTF32CuBLAS(tf32_matmul);
  if (context.allowTF32CuDNN() != tf32_cudnn) context.setAllowTF32CuDNN(tf32_cudnn);
  context.setDeterministicAlgorithms(deterministic, deterministic_warn_only);
  context.setDeterministicCuDNN(deterministic_cudnn);
  context.setBenchmarkCuDNN(benchmark_cudnn);
#if TORCH_VERSION_MAJOR >= 2
  context.setSDPUseFlash(flash_attention);
  context.setSDPUseMemEfficient(efficient_attention);
#endif
}

SettingsGuard::SettingsGuard(const RunSettings& settings) : m_before(NumericState::current()) {
  auto wanted = m_before;
  if (settings.threads) wanted.threads = *settings.threads;
  if (settings.onednn) wanted.onednn = *settings.onednn;
  if (settings.tf32) wanted.tf32_matmul = wanted.tf32_cudnn = *settings.tf32;
  if (settings.deterministic) {
    wanted.deterministic = wanted.deterministic_cudnn = *settings.deterministic;
    wanted.deterministic_warn_only = false;
    if (*settings.deterministic) wanted.benchmark_cudnn = false;
  }
  // Neither has kernels that are float64 throughout on every machine.
  if (settings.plain) wanted.onednn = wanted.flash_attention = wanted.efficient_attention = false;
  wanted.apply();
}

SettingsGuard::~SettingsGuard() { m_before.apply(); }

}  // namespace goldseal::worker
