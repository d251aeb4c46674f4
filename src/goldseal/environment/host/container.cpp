// SPDX-License-Identifier: Apache-2.0
#include <goldseal/environment/shared/probes.hpp>

#include <fmt/format.h>

#include <array>

namespace goldseal {
namespace {

struct Mark {
  const char* path;
  const char* kind;
};
// Files that container engines leave in every container.
constexpr std::array k_files{
    Mark{"/.dockerenv", "docker"},
    Mark{"/run/.containerenv", "podman"},
    Mark{"/.singularity.d", "singularity"},
    Mark{"/run/systemd/container", "systemd-nspawn"},
};
constexpr std::array k_variables{
    Mark{"KUBERNETES_SERVICE_HOST", "kubernetes"},
    Mark{"SINGULARITY_CONTAINER", "singularity"},
    Mark{"APPTAINER_CONTAINER", "singularity"},
};
// Words in the control groups of the first process, for engines that leave no file.
constexpr std::array k_groups{Mark{"kubepods", "kubernetes"}, Mark{"docker", "docker"}, Mark{"libpod", "podman"},
                              Mark{"/lxc", "lxc"}};

void put_container(const ProbeContext& context, const FactSink& fact) {
  for (const auto& [name, kind] : k_variables) {
    if (context.variables.contains(std::string_view(name))) return fact("host.container", std::string(kind), name);
  }
  for (const auto& [path, kind] : k_files) {
    if (context.files.exists(path)) return fact("host.container", std::string(kind), path);
  }
  constexpr const char* k_path = "/proc/1/cgroup";
  const auto groups = context.files.read(k_path).value_or("");
  for (const auto& [word, kind] : k_groups) {
    if (groups.find(word) != std::string::npos) return fact("host.container", std::string(kind), k_path);
  }
  fact("host.container", std::string("none"), "no sign of one");
}

// The maker and model of the machine: a cloud's instance type, a server's name.
void put_platform(const FileRoot& files, const FactSink& fact) {
  constexpr const char* k_directory = "/sys/class/dmi/id";
  const auto vendor = files.line(fmt::format("{}/sys_vendor", k_directory));
  const auto product = files.line(fmt::format("{}/product_name", k_directory));
  if (!vendor && !product) return;
  fact("host.platform", fmt::format("{}{}{}", vendor.value_or(""), vendor && product ? " " : "", product.value_or("")),
       k_directory);
}

}  // namespace

void probe_container(const ProbeContext& context, const FactSink& fact) {
  put_container(context, fact);
  put_platform(context.files, fact);
  const auto kernel = context.files.line("/proc/sys/kernel/osrelease").value_or("");
  if (kernel.find("icrosoft") != std::string::npos) fact("host.wsl", true, "/proc/sys/kernel/osrelease");
}

}  // namespace goldseal
