// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/environment/shared/version.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal {

/// Facts about releases of PyTorch, CUDA and drivers that no machine tells, kept as data in checks/tables/ with their
/// sources.
enum class FactTable { cuda_drivers, arch_lists, torchvision, allocator };

/// The file as it is.
[[nodiscard]] std::string_view table_text(FactTable table);

/// The least driver that NVIDIA states for this CUDA version: `580.65.06` for 13.0.
[[nodiscard]] std::optional<std::string> least_driver(const Version& cuda);
/// The least driver with which programs of this CUDA major version run at all (minor version compatibility).
[[nodiscard]] std::optional<std::string> least_driver_of_major(std::int64_t cuda_major);
/// The newest CUDA version that a driver is known to run: 12.2 for 535.161.08.
[[nodiscard]] std::optional<std::string> newest_cuda(const Version& driver);

/// What PyTorch's own binary for this release, CUDA and processor holds code for: `sm_80`, `compute_120`.
[[nodiscard]] std::optional<std::vector<std::string>> wheel_arch_list(const Version& torch, const Version& cuda,
                                                                      std::string_view architecture);
/// CUDA versions whose binaries of this release are listed.
[[nodiscard]] std::vector<std::string> listed_cuda_builds(const Version& torch, std::string_view architecture);

/// `0.19` for PyTorch 2.4.x.
[[nodiscard]] std::optional<std::string> torchvision_for(const Version& torch);

/// The first torchvision that runs with any PyTorch from one on, of its major version, and that one.
struct OpenTorchvision {
  std::string torchvision;
  Version torch;

  [[nodiscard]] bool runs_with(const Version& other) const {
    return other >= torch && other.number(0) == torch.number(0);
  }
};
[[nodiscard]] OpenTorchvision open_torchvision();

/// The first PyTorch that knows an option of the CUDA allocator; nothing for an option that is not listed.
[[nodiscard]] std::optional<std::string> allocator_option_since(std::string_view option);
/// The first PyTorch that reads PYTORCH_ALLOC_CONF.
[[nodiscard]] std::string allocator_new_name_since();

}  // namespace goldseal
