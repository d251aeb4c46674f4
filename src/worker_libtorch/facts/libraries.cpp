// SPDX-License-Identifier: Apache-2.0
#include "facts/libraries.hpp"

#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

#include <fstream>
#include <set>

namespace goldseal::worker {
namespace {

std::string stem_of(const std::string& path) {
  const auto base = path.substr(path.rfind('/') + 1);
  return base.substr(0, base.find(".so"));
}

// `libfoo.so.1.2` states 1.2; `libfoo-5b1e.so.1` of a wheel states 1.
std::string version_of(const std::string& path) {
  const auto base = path.substr(path.rfind('/') + 1);
  const auto at = base.find(".so.");
  return at == std::string::npos ? std::string() : base.substr(at + 4);
}

std::string path_of_map_line(const std::string& line) {
  const auto slash = line.find('/');
  if (slash == std::string::npos) return {};
  const auto path = line.substr(slash);
  return path.find(".so") == std::string::npos ? std::string() : path;
}

// The path of the library of this stem as the loader was given it; empty where it is not loaded. /proc/self/maps
// has links resolved, and the libraries that it needs lie around the link where a package manager keeps files in a
// store and links them.
std::string loaded_name(const std::string& stem) {
  struct Wanted {
    const std::string& stem;
    std::string path;
  } wanted{stem, {}};
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* data) {
        auto& sought = *static_cast<Wanted*>(data);
        const std::string path = info->dlpi_name;
        if (stem_of(path) != sought.stem) return 0;
        sought.path = path;
        return 1;
      },
      &wanted);
  return wanted.path;
}

}  // namespace

std::vector<LoadedLibrary> loaded_libraries() {
  std::vector<LoadedLibrary> libraries;
  std::set<std::string> seen;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const auto path = path_of_map_line(line);
    if (path.empty() || !seen.insert(path).second) continue;
    libraries.push_back({stem_of(path), path, version_of(path)});
  }
  return libraries;
}

std::string open_gpu_library() {
  static const std::string k_cpu = "libtorch_cpu";
  const auto cpu = loaded_name(k_cpu);
  if (cpu.empty()) return {};
  for (const char* name : {"libtorch_cuda", "libtorch_hip"}) {
    auto path = cpu;
    path.replace(path.rfind(k_cpu), k_cpu.size(), name);
    if (access(path.c_str(), R_OK) != 0) continue;
    if (dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL)) return {};
    const char* text = dlerror();
    return text ? text : "dlopen failed without a text";
  }
  return {};
}

}  // namespace goldseal::worker
