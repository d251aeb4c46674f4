// SPDX-License-Identifier: Apache-2.0
#include <goldseal/environment/libraries/elf.hpp>
#include <goldseal/environment/shared/probes.hpp>
#include <goldseal/environment/shared/version.hpp>

#include <fmt/format.h>
#include <gnu/libc-version.h>

#include <array>

namespace goldseal {
namespace {

void probe_system(const FileRoot& files, const FactSink& fact) {
  for (const auto* path : {"/etc/os-release", "/usr/lib/os-release"}) {
    const auto text = files.read(path);
    if (!text) continue;
    const auto put = [&](const char* key, const char* name) {
      if (auto value = value_of_key(*text, key, '=')) fact(name, std::move(*value), path);
    };
    put("PRETTY_NAME", "host.os");
    put("ID", "host.os_id");
    put("VERSION_ID", "host.os_version");
    return;
  }
}

// The dynamic loader's usual places; a distribution has its C++ library in one of them.
void probe_cxx_library(const FileRoot& files, const FactSink& fact) {
  constexpr std::array k_directories{"/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/lib64",
                                     "/usr/lib"};
  for (const auto* directory : k_directories) {
    const auto path = fmt::format("{}/libstdc++.so.6", directory);
    if (!files.exists(path)) continue;
    const auto library = read_elf(files.at(path));
    if (!library) continue;
    const auto put = [&](const char* prefix, const char* name) {
      if (auto newest = newest_version(library->versions_defined, prefix)) fact(name, std::move(*newest), path);
    };
    put("GLIBCXX_", "host.glibcxx");
    put("CXXABI_", "host.cxxabi");
    return;
  }
}

// Peer-to-peer copies between GPUs hang or lie where an IOMMU translates them.
void probe_iommu(const FileRoot& files, const FactSink& fact) {
  if (!files.exists("/sys/kernel/iommu_groups")) return;
  const bool active = !files.list("/sys/kernel/iommu_groups", 1).empty();
  const auto arguments = files.read("/proc/cmdline").value_or("");
  const bool passthrough =
      arguments.find("iommu=pt") != std::string::npos || arguments.find("iommu.passthrough=1") != std::string::npos;
  fact("host.iommu", std::string(!active ? "off" : passthrough ? "passthrough" : "on"), "/sys/kernel/iommu_groups");
}

}  // namespace

void probe_host(const ProbeContext& context, const FactSink& fact) {
  const auto& files = context.files;
  if (auto name = files.line("/proc/sys/kernel/hostname"); name && !context.options.anonymous)
    fact("host.name", std::move(*name), "/proc/sys/kernel/hostname");
  if (auto kernel = files.line("/proc/sys/kernel/osrelease"))
    fact("host.kernel", std::move(*kernel), "/proc/sys/kernel/osrelease");
  probe_system(files, fact);
  if (files.is_machine()) fact("host.glibc", std::string(::gnu_get_libc_version()), "gnu_get_libc_version");
  probe_cxx_library(files, fact);
  probe_iommu(files, fact);
}

}  // namespace goldseal
