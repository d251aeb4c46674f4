// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace goldseal {

struct PythonPackage {
  std::string name;  ///< normalised
  std::string version;
};

/// A package's name in the one spelling that compares equal (PEP 503): `Intel_OpenMP` as `intel-openmp`.
[[nodiscard]] std::string normalised_package_name(std::string_view name);

/// Whether a package, its name normalised, can change answers. A seal is not an inventory of a machine.
[[nodiscard]] bool is_captured_package(std::string_view name);

/// `mkl-2023.1.0-h213fbdd_46344.json`, a name in a conda prefix' conda-meta; nothing for another.
[[nodiscard]] std::optional<PythonPackage> conda_package_of_entry(std::string_view entry);

/// `torch-2.13.0+cpu.dist-info` or `torch-1.13.0a0.egg-info`, a name in a directory of packages; nothing for another.
[[nodiscard]] std::optional<PythonPackage> package_of_entry(std::string_view entry);

}  // namespace goldseal
