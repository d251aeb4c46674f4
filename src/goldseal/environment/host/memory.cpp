// SPDX-License-Identifier: Apache-2.0
#include <goldseal/environment/shared/probes.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <array>
#include <utility>

namespace goldseal {
namespace {

void put_meminfo(const FileRoot& files, const FactSink& fact) {
  constexpr const char* k_path = "/proc/meminfo";
  constexpr std::array<std::pair<const char*, const char*>, 3> k_names{{
      {"MemTotal", "memory.total_bytes"},
      {"MemAvailable", "memory.available_bytes"},
      {"SwapTotal", "memory.swap_bytes"},
  }};
  const auto text = files.read(k_path).value_or("");
  for (const auto& [key, name] : k_names) {
    const auto value = value_of_key(text, key, ':');
    if (!value) continue;
    if (const auto kibibytes = parse_number(std::string_view(*value).substr(0, value->find(' '))))
      fact(name, *kibibytes * 1024, k_path);
  }
}

void put_shared_memory(const FileRoot& files, const FactSink& fact) {
  struct statvfs info {};
  if (::statvfs(files.at("/dev/shm").c_str(), &info) != 0) return;
  const auto bytes = [&](auto blocks) { return static_cast<std::int64_t>(blocks * info.f_frsize); };
  fact("memory.shm_bytes", bytes(info.f_blocks), "/dev/shm");
  fact("memory.shm_available_bytes", bytes(info.f_bavail), "/dev/shm");
}

// Where the process' control group of this controller is, below its mount: version 2 has one line, `0::/path`.
std::string group_path(const std::string& groups, std::string_view controller) {
  for (const auto line : split(groups, '\n')) {
    const auto parts = split(line, ':');
    if (parts.size() < 3) continue;
    const auto names = split(parts[1], ',');
    const bool matches = controller.empty() ? parts[0] == "0" : std::ranges::find(names, controller) != names.end();
    if (matches) return std::string(line.substr(parts[0].size() + parts[1].size() + 2));
  }
  return "/";
}

// The files of this name from the process' group up to the root: a limit anywhere above binds too. In a container the
// path may be the host's, which is not there; the mount's own root is then the container's group.
std::vector<std::string> files_upward(const std::string& mount, std::string group, std::string_view name) {
  std::vector<std::string> paths;
  for (;;) {
    paths.push_back(fmt::format("{}{}/{}", mount, group == "/" ? "" : group, name));
    if (group == "/" || group.empty()) return paths;
    group.resize(group.rfind('/'));
  }
}

void put_memory_limit(const FileRoot& files, const std::string& groups, const FactSink& fact) {
  constexpr std::int64_t k_no_limit = std::int64_t{1} << 60;  // version 1 writes its largest page count
  auto paths = files_upward("/sys/fs/cgroup", group_path(groups, ""), "memory.max");
  std::ranges::copy(files_upward("/sys/fs/cgroup/memory", group_path(groups, "memory"), "memory.limit_in_bytes"),
                    std::back_inserter(paths));
  std::optional<std::int64_t> least;
  std::string origin;
  for (const auto& path : paths) {
    const auto limit = files.number(path);
    if (!limit || *limit >= k_no_limit || (least && *least <= *limit)) continue;
    least = limit;
    origin = path;
  }
  if (least) fact("memory.cgroup_limit_bytes", *least, origin);
}

std::optional<double> processors(std::int64_t quota, std::int64_t period) {
  if (quota <= 0 || period <= 0) return std::nullopt;
  return static_cast<double>(quota) / static_cast<double>(period);
}

// `cpu.max` of version 2: `150000 100000`, or `max 100000`.
std::optional<double> quota_of_line(const std::string& line) {
  const auto parts = split(line, ' ');
  const auto quota = parse_number(parts[0]);
  const auto period = parts.size() > 1 ? parse_number(parts[1]) : std::nullopt;
  return quota && period ? processors(*quota, *period) : std::nullopt;
}

void put_cpu_quota(const FileRoot& files, const std::string& groups, const FactSink& fact) {
  std::optional<double> least;
  std::string origin;
  const auto take = [&](std::optional<double> quota, const std::string& path) {
    if (!quota || (least && *least <= *quota)) return;
    least = quota;
    origin = path;
  };
  for (const auto& path : files_upward("/sys/fs/cgroup", group_path(groups, ""), "cpu.max")) {
    if (const auto line = files.line(path)) take(quota_of_line(*line), path);
  }
  for (const auto& path : files_upward("/sys/fs/cgroup/cpu", group_path(groups, "cpu"), "cpu.cfs_quota_us")) {
    const auto quota = files.number(path);
    const auto period = files.number(path.substr(0, path.rfind('/')) + "/cpu.cfs_period_us");
    if (quota && period) take(processors(*quota, *period), path);
  }
  if (least) fact("cpu.cgroup_quota", *least, origin);
}

}  // namespace

void probe_memory(const ProbeContext& context, const FactSink& fact) {
  const auto& files = context.files;
  put_meminfo(files, fact);
  put_shared_memory(files, fact);
  const auto groups = files.read("/proc/self/cgroup").value_or("");
  put_memory_limit(files, groups, fact);
  put_cpu_quota(files, groups, fact);
}

}  // namespace goldseal
