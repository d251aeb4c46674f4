// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

// What at::show_config() says about a build, read from its text.
namespace goldseal::worker {

/// The value of KEY=… among the build settings, which are separated by commas; empty where it is not among them.
std::string build_setting(std::string_view config, const std::string& key);

/// True for CMake's words for yes.
bool is_on(const std::string& value);

/// The rest of the line that begins with `lead`; empty without such a line.
std::string config_line(std::string_view config, std::string_view lead);

/// The GPU architectures that the build holds code for (arch_list.hpp). The CUDA half lists them where it finds a
/// device; the flags of nvcc among the build settings tell them anywhere.
std::vector<std::string> arch_list_of(std::string_view config);

/// The libraries of kernels that the build was configured with, under their own names (`fbgemm`, `onednn`, …), sorted.
std::vector<std::string> kernel_libraries(std::string_view config);

}  // namespace goldseal::worker
