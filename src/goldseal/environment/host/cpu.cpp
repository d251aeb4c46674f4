// SPDX-License-Identifier: Apache-2.0
#include <goldseal/environment/host/isa.hpp>
#include <goldseal/environment/shared/probes.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>
#include <sched.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <utility>

namespace goldseal {
namespace {

constexpr const char* k_cpuinfo = "/proc/cpuinfo";

// Arm's kernels name no model; the part numbers are those of the MIDR register (Arm's and the makers' manuals).
std::optional<std::string> arm_model(std::string_view implementer, std::string_view part) {
  struct Model {
    std::string_view implementer, part, name;
  };
  constexpr std::array k_models{
      Model{"0x41", "0xd08", "Cortex-A72"},  Model{"0x41", "0xd0c", "Neoverse-N1"},
      Model{"0x41", "0xd40", "Neoverse-V1"}, Model{"0x41", "0xd49", "Neoverse-N2"},
      Model{"0x41", "0xd4f", "Neoverse-V2"}, Model{"0x41", "0xd84", "Neoverse-V3"},
      Model{"0xc0", "0xac3", "Ampere-1"},    Model{"0x46", "0x001", "A64FX"},
      Model{"0x4e", "0x004", "Carmel"},
  };
  for (const auto& model : k_models) {
    if (model.implementer == implementer && model.part == part) return std::string(model.name);
  }
  return std::nullopt;
}

void put_model(const std::string& cpuinfo, const FactSink& fact) {
  const auto value = [&](const char* key) { return value_of_key(cpuinfo, key, ':'); };
  if (auto model = value("model name")) {
    fact("cpu.model", std::move(*model), k_cpuinfo);
  } else if (const auto part = value("CPU part")) {
    if (auto name = arm_model(value("CPU implementer").value_or(""), *part))
      fact("cpu.model", std::move(*name), k_cpuinfo);
  }
  constexpr std::array<std::pair<const char*, const char*>, 6> k_text{{
      {"vendor_id", "cpu.vendor"},
      {"CPU implementer", "cpu.vendor"},
      {"cpu family", "cpu.family"},
      {"model", "cpu.model_number"},
      {"stepping", "cpu.stepping"},
      {"microcode", "cpu.microcode"},
  }};
  for (const auto& [key, name] : k_text) {
    if (auto text = value(key)) fact(name, std::move(*text), k_cpuinfo);
  }
}

void put_isa(const std::string& cpuinfo, const FactSink& fact) {
  const auto flags = value_of_key(cpuinfo, "flags", ':');
  const auto words = flags ? flags : value_of_key(cpuinfo, "Features", ':');
  if (!words) return;
  auto isa = normalised_isa(*words);
  if (flags) fact("cpu.aten_capability", aten_capability(isa), k_cpuinfo);
  fact("cpu.isa", std::move(isa), k_cpuinfo);
  if (words->find(" hypervisor") != std::string::npos) fact("cpu.virtual", true, k_cpuinfo);
}

void put_counts(const std::string& cpuinfo, const FactSink& fact) {
  std::set<std::string> sockets;
  std::set<std::pair<std::string, std::string>> cores;
  std::string socket = "0";
  std::int64_t threads = 0;
  for (const auto line : split(cpuinfo, '\n')) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const auto key = trimmed(line.substr(0, colon));
    const auto value = std::string(trimmed(line.substr(colon + 1)));
    if (key == "processor") ++threads;
    if (key == "physical id") sockets.insert(socket = value);
    if (key == "core id") cores.emplace(socket, value);
  }
  if (threads > 0) fact("cpu.threads", threads, k_cpuinfo);
  if (!sockets.empty()) fact("cpu.sockets", static_cast<std::int64_t>(sockets.size()), k_cpuinfo);
  if (!cores.empty()) fact("cpu.cores", static_cast<std::int64_t>(cores.size()), k_cpuinfo);
}

// `0-3,8` as how many.
std::optional<std::int64_t> count_of_list(std::string_view text) {
  std::int64_t count = 0;
  for (const auto part : split(text, ',')) {
    const auto dash = part.find('-');
    const auto first = parse_number(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_number(part.substr(dash + 1));
    if (!first || !last || *last < *first) return std::nullopt;
    count += *last - *first + 1;
  }
  return count;
}

void put_usable(const FileRoot& files, const FactSink& fact) {
  const auto status = files.read("/proc/self/status").value_or("");
  const auto allowed = value_of_key(status, "Cpus_allowed_list", ':');
  if (const auto count = allowed ? count_of_list(*allowed) : std::nullopt)
    fact("cpu.usable_threads", *count, "/proc/self/status");
  const auto nodes = files.line("/sys/devices/system/node/online");
  if (const auto count = nodes ? count_of_list(*nodes) : std::nullopt)
    fact("cpu.numa_nodes", *count, "/sys/devices/system/node/online");
}

void put_caches(const FileRoot& files, const FactSink& fact) {
  for (int index = 0; index < 8; ++index) {
    const auto directory = fmt::format("/sys/devices/system/cpu/cpu0/cache/index{}", index);
    const auto size = files.line(directory + "/size");
    const auto level = files.number(directory + "/level");
    if (!size || !level) continue;
    const auto type = files.line(directory + "/type").value_or("");
    const auto* const suffix = type == "Data" ? "d" : type == "Instruction" ? "i" : "";
    fact(fmt::format("cpu.cache.l{}{}", *level, suffix), *size, directory);
  }
}

// FTZ and DAZ of this process's arithmetic (MXCSR, on Arm FPCR): a library built with -ffast-math that is preloaded sets
// them in every process. Volatile, so that nothing is computed beforehand.
bool flushes_denormals() {
  volatile float least = std::numeric_limits<float>::min();
  volatile float denormal = std::numeric_limits<float>::denorm_min();
  volatile float half = 0.5F;
  volatile float large = 1e30F;
  const volatile float made = least * half;
  const volatile float used = denormal * large;
  return made == 0 || used == 0;
}

}  // namespace

void probe_cpu(const ProbeContext& context, const FactSink& fact) {
  const auto& files = context.files;
  struct utsname system {};
  if (const auto architecture = files.line("/proc/sys/kernel/arch")) {
    fact("cpu.architecture", *architecture, "/proc/sys/kernel/arch");
  } else if (files.is_machine() && ::uname(&system) == 0) {
    fact("cpu.architecture", std::string(system.machine), "uname");
  }
  if (const auto cpuinfo = files.read(k_cpuinfo, 16U << 20U)) {
    put_model(*cpuinfo, fact);
    put_isa(*cpuinfo, fact);
    put_counts(*cpuinfo, fact);
  }
  if (files.is_machine()) fact("numerics.flush_denormal", flushes_denormals(), "arithmetic of this process");
  put_usable(files, fact);
  put_caches(files, fact);
}

}  // namespace goldseal
