// SPDX-License-Identifier: Apache-2.0
#include "facts/build_config.hpp"

#include "facts/arch_list.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace goldseal::worker {
namespace {

// The switches of PyTorch's CMakeLists.txt whose libraries compute; those that log, trace or communicate are not here.
constexpr std::array<std::pair<const char*, const char*>, 7> k_settings{{{"USE_CUDNN", "cudnn"},
                                                                         {"USE_CUSPARSELT", "cusparselt"},
                                                                         {"USE_HIPSPARSELT", "hipsparselt"},
                                                                         {"USE_MKL", "mkl"},
                                                                         {"USE_MKLDNN", "onednn"},
                                                                         {"USE_NNPACK", "nnpack"},
                                                                         {"USE_OPENMP", "openmp"}}};

// Some are told by the compiler's definitions alone.
constexpr std::array<std::pair<const char*, const char*>, 4> k_definitions{
    {{"USE_FBGEMM", "fbgemm"}, {"USE_MSLK", "mslk"}, {"USE_PYTORCH_QNNPACK", "qnnpack"}, {"USE_XNNPACK", "xnnpack"}}};

bool defines(const std::string& flags, const std::string& name) {
  return (flags + ' ').find("-D" + name + ' ') != std::string::npos;
}

}  // namespace

std::string build_setting(std::string_view config, const std::string& key) {
  for (const auto& lead : {", " + key + "=", ": " + key + "="}) {
    const auto at = config.find(lead);
    if (at == std::string_view::npos) continue;
    const auto begin = at + lead.size();
    const auto value = config.substr(begin, config.find_first_of(",\n", begin) - begin);
    return std::string(value.substr(0, value.find_last_not_of(' ') + 1));
  }
  return {};
}

bool is_on(const std::string& value) { return value == "ON" || value == "1" || value == "TRUE"; }

std::string config_line(std::string_view config, std::string_view lead) {
  const auto at = config.find(lead);
  if (at == std::string_view::npos) return {};
  const auto begin = at + lead.size();
  return std::string(config.substr(begin, config.find('\n', begin) - begin));
}

std::vector<std::string> arch_list_of(std::string_view config) {
  auto list = arch_list(config_line(config, "NVCC architecture flags: "));
  if (!list.empty()) return list;
  // Up to the next setting: the flags have commas in them.
  const auto settings = config_line(config, "CUDA_FLAGS=");
  return arch_list(settings.substr(0, settings.find(", CUDA_VERSION=")));
}

std::vector<std::string> kernel_libraries(std::string_view config) {
  std::vector<std::string> libraries;
  for (const auto& [setting, name] : k_settings) {
    if (is_on(build_setting(config, setting))) libraries.emplace_back(name);
  }
  const auto flags = build_setting(config, "CXX_FLAGS");
  for (const auto& [definition, name] : k_definitions) {
    if (defines(flags, definition)) libraries.emplace_back(name);
  }
  if (config.find("LAPACK is enabled") != std::string_view::npos) libraries.emplace_back("lapack");
  std::sort(libraries.begin(), libraries.end());
  return libraries;
}

}  // namespace goldseal::worker
