// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/environment/shared/probes.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace goldseal {

/// A Python installation or virtual environment, found from files alone.
struct PythonLocation {
  std::filesystem::path prefix;                     ///< `/usr`, the directory of a virtual environment
  std::string series;                               ///< `3.11`
  std::vector<std::filesystem::path> package_dirs;  ///< where its packages lie, in the order of its search
};

/// The Pythons of this machine, the one that `python3` would start first: the one around the torch that the options
/// name, GOLDSEAL_PYTHON, VIRTUAL_ENV, CONDA_PREFIX, then the PATH. Each prefix once, at most eight.
[[nodiscard]] std::vector<PythonLocation> python_locations(const ProbeContext& context);

/// `3.11.7`, as far as files tell: the configuration of a virtual environment, the header of the interpreter; else the
/// series.
[[nodiscard]] std::string python_version(const FileRoot& files, const PythonLocation& python);

}  // namespace goldseal
