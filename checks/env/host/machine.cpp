// SPDX-License-Identifier: Apache-2.0
#include <checks/env/host/machine.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace goldseal {
namespace {

std::vector<Gpu> read_gpus(const Environment& machine, std::string_view table) {
  std::vector<Gpu> gpus;
  for (int index = 0;; ++index) {
    const auto prefix = fmt::format("{}.{}.", table, index);
    const auto first = machine.facts().lower_bound(prefix);
    if (first == machine.facts().end() || !first->first.starts_with(prefix)) return gpus;
    Gpu gpu;
    gpu.name = machine.text(prefix + "name").value_or("");
    gpu.label = gpu.name.empty() ? fmt::format("GPU {}", index) : fmt::format("GPU {} ({})", index, gpu.name);
    gpu.capability = version_fact(machine, prefix + "compute_capability");
    gpu.memory_bytes = machine.integer(prefix + "memory_bytes");
    gpu.memory_free_bytes = machine.integer(prefix + "memory_free_bytes");
    gpu.prefix = prefix;
    gpus.push_back(std::move(gpu));
  }
}

}  // namespace

std::vector<Gpu> visible_gpus(const Environment& machine) {
  const bool told = machine.has("driver.cuda_device_count");
  return told ? read_gpus(machine, "cuda_device") : installed_gpus(machine);
}

std::vector<Gpu> installed_gpus(const Environment& machine) { return read_gpus(machine, "gpu"); }

bool shows_nvidia_gpu(const Environment& machine) {
  if (!installed_gpus(machine).empty() || machine.integer("driver.gpu_count").value_or(0) > 0) return true;
  const auto on_bus = machine.list("driver.pci_devices").value_or(std::vector<std::string>{});
  return std::ranges::any_of(on_bus, [](const std::string& device) { return device.starts_with("nvidia"); });
}

bool sealed_on_gpu(const Observation& observed) {
  const auto& sealed = observed.sealed.environment;
  if (const auto device = sealed.text("numerics.device")) return Device(*device).is_gpu();
  return sealed.boolean("torch.cuda") == true && !visible_gpus(sealed).empty();
}

bool serves_on_gpu(const Observation& observed) {
  if (observed.serving.device.empty()) return sealed_on_gpu(observed);
  return observed.serving.device != k_serves_on_cpu;
}

std::string_view serves_on_cpu_since(const Observation& observed) {
  return observed.serving.device.empty() ? "the model was sealed on the CPU" : "this machine serves on the CPU";
}

bool is_rocm(const Environment& machine) {
  return machine.has("torch.hip_build") || machine.boolean("torch.rocm") == true ||
         machine.text("torch.variant").value_or("").starts_with("rocm");
}

std::string accelerator_of(const Environment& machine) {
  const auto numbered = [&](std::string_view name, std::string_view fact) {
    const auto version = machine.text(fact);
    return version ? fmt::format("{} {}", name, *version) : std::string(name);
  };
  if (is_rocm(machine)) return numbered("ROCm", "torch.hip_build") + " (AMD GPUs)";
  if (machine.boolean("torch.xpu") == true || machine.text("torch.variant") == "xpu") return "XPU (Intel GPUs)";
  if (machine.has("torch.cuda_build") || machine.boolean("torch.cuda") == true)
    return numbered("CUDA", "torch.cuda_build");
  return {};
}

std::optional<std::string> torch_text(const Observation& observed, std::string_view name) {
  const bool knows_torch = observed.machine.environment.has("torch.version");
  return knows_torch ? observed.machine.environment.text(name) : observed.sealed.environment.text(name);
}

std::optional<Version> version_fact(const Environment& machine, std::string_view name) {
  const auto text = machine.text(name);
  return text ? parse_version(*text) : std::nullopt;
}

std::uint64_t weight_bytes(const Manifest& sealed) {
  std::uint64_t bytes = 0;
  for (const auto& tensor : sealed.model.tensors) {
    std::uint64_t count = 1;
    for (const auto size : tensor.shape) count *= static_cast<std::uint64_t>(std::max<std::int64_t>(size, 0));
    if (tensor.alias_of.empty()) bytes += count * item_size(tensor.dtype);
  }
  return bytes;
}

Finding warned(std::string message, std::string expected, std::string actual, std::string remedy) {
  auto finding = failed(std::move(message), std::move(expected), std::move(actual), std::move(remedy));
  finding.status = Status::warn;
  return finding;
}

Finding gpu_breach(const Observation& observed, std::string message, std::string expected, std::string actual,
                   std::string remedy) {
  auto finding = failed(std::move(message), std::move(expected), std::move(actual), std::move(remedy));
  if (serves_on_gpu(observed)) return finding;
  finding.status = Status::warn;
  finding.lenient = true;
  finding.message += fmt::format("; {} and can run there", serves_on_cpu_since(observed));
  return finding;
}

}  // namespace goldseal
