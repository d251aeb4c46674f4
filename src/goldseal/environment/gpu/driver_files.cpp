// SPDX-License-Identifier: Apache-2.0
#include <goldseal/environment/shared/probes.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace goldseal {
namespace {

// `NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.161.08  Tue …`; the open module says `NVIDIA UNIX Open Kernel
// Module for x86_64  580.65.06  Release Build …`. The version is the first word with a dot in it that begins with a
// digit.
void put_kernel_module(const FileRoot& files, const FactSink& fact) {
  constexpr const char* k_path = "/proc/driver/nvidia/version";
  const auto line = files.line(k_path);
  if (!line) return;
  for (const auto word : split(*line, ' ')) {
    const bool is_version = !word.empty() && std::isdigit(static_cast<unsigned char>(word.front())) != 0 &&
                            word.find('.') != std::string_view::npos;
    if (!is_version) continue;
    fact("driver.kernel_version", std::string(word), k_path);
    break;
  }
  const bool open = line->find("Open Kernel Module") != std::string::npos;
  fact("driver.kernel_module", std::string(open ? "open" : "proprietary"), k_path);
}

void put_device_files(const FileRoot& files, const FactSink& fact) {
  std::vector<std::string> found;
  for (const auto& name : files.list("/dev")) {
    if (name.starts_with("nvidia") || name == "kfd" || name == "dxg") found.push_back("/dev/" + name);
  }
  if (!found.empty()) fact("driver.device_files", std::move(found), "/dev");
}

// GPUs on the PCI bus, with a driver or without: class 03 (display) and 12 (processing accelerator).
void put_pci_devices(const FileRoot& files, const FactSink& fact) {
  constexpr const char* k_directory = "/sys/bus/pci/devices";
  struct Maker {
    std::string_view id, name;
  };
  constexpr std::array k_makers{Maker{"0x10de", "nvidia"}, Maker{"0x1002", "amd"}, Maker{"0x8086", "intel"}};
  std::vector<std::string> found;
  for (const auto& device : files.list(k_directory)) {
    const auto class_code = files.line(fmt::format("{}/{}/class", k_directory, device)).value_or("");
    if (!class_code.starts_with("0x03") && !class_code.starts_with("0x12")) continue;
    const auto vendor = files.line(fmt::format("{}/{}/vendor", k_directory, device)).value_or("");
    const auto* const maker = std::ranges::find(k_makers, vendor, &Maker::id);
    if (maker == k_makers.end()) continue;
    const auto id = files.line(fmt::format("{}/{}/device", k_directory, device)).value_or("");
    found.push_back(fmt::format("{}:{}", maker->name, id));
  }
  if (!found.empty()) fact("driver.pci_devices", std::move(found), k_directory);
}

void put_rocm(const FileRoot& files, const FactSink& fact) {
  constexpr std::array k_files{std::pair{"/opt/rocm/.info/version", "driver.rocm_version"},
                               std::pair{"/sys/module/amdgpu/version", "driver.amdgpu_version"}};
  for (const auto& [path, name] : k_files) {
    if (auto version = files.line(path)) fact(name, std::move(*version), path);
  }
}

}  // namespace

void probe_driver_files(const ProbeContext& context, const FactSink& fact) {
  put_kernel_module(context.files, fact);
  put_device_files(context.files, fact);
  put_pci_devices(context.files, fact);
  put_rocm(context.files, fact);
}

}  // namespace goldseal
