// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/base/files/atomic_write.hpp>
#include <goldseal/environment/probe/probe.hpp>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace goldseal::test {

/// A machine as a tree of files, which a probe reads in place of this one.
class Machine {
 public:
  Machine& file(std::string_view path, std::string_view text) {
    const auto place = m_directory.path() / std::filesystem::path(path).relative_path();
    std::filesystem::create_directories(place.parent_path());
    std::ofstream(place, std::ios::binary) << text;
    return *this;
  }
  Machine& link(std::string_view path, const std::string& target) {
    const auto place = m_directory.path() / std::filesystem::path(path).relative_path();
    std::filesystem::create_directories(place.parent_path());
    std::filesystem::create_symlink(target, place);
    return *this;
  }
  /// NAME=value entries of the process' environment, each ended by `;` here.
  Machine& variables(std::string text) {
    for (auto& c : text) c = c == ';' ? '\0' : c;
    return file("/proc/self/environ", text);
  }
  [[nodiscard]] ProbeOptions options() const {
    ProbeOptions options;
    options.root = m_directory.path();
    options.nvml_library = "libgoldseal_test_no_such_nvml.so";
    options.cuda_library = "libgoldseal_test_no_such_cuda.so";
    return options;
  }
  [[nodiscard]] Environment probe() const { return probe_machine(options()); }

 private:
  TemporaryDirectory m_directory;
};

}  // namespace goldseal::test
