// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/environment/shared/file_root.hpp>
#include <goldseal/environment/shared/probes.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal {

/// A PyTorch as its files describe it, before anything of it is loaded.
struct TorchInstallation {
  std::string version;  ///< `2.13.0+cu130`
  std::string version_origin;
  std::optional<std::string> cuda_version;  ///< that it was built for: `13.0`
  std::optional<std::string> hip_version;   ///< of a build for ROCm
  std::optional<std::string> git_version;
  std::filesystem::path library_dir;  ///< where libtorch_cpu.so lies
  std::optional<int> cxx_abi = {};    ///< 1 where it uses the C++11 ABI of libstdc++, 0 for the older one, as it says
};

/// The one at `prefix`: a wheel's `torch` directory, an unpacked LibTorch archive, or `/usr`. Nothing where no version
/// can be read there.
[[nodiscard]] std::optional<TorchInstallation> read_torch_installation(const FileRoot& files,
                                                                       const std::filesystem::path& prefix);

/// The prefixes where a PyTorch may be, in the order of a search: the one that was asked for, then those of the Pythons
/// that `variables` (PATH, HOME, VIRTUAL_ENV, CONDA_PREFIX) lead to, then `/usr`. Some have none; each stands once.
[[nodiscard]] std::vector<std::filesystem::path> torch_prefixes(const ProbeContext& context);

/// `7.2` of the label `rocm7.2`; nothing for others.
[[nodiscard]] std::optional<std::string> rocm_of_label(std::string_view label);

/// `13.0` of the label `cu130`, `9.2` of `cu92`; nothing for `cpu`.
[[nodiscard]] std::optional<std::string> cuda_of_label(std::string_view label);

}  // namespace goldseal
