// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/environment/shared/version.hpp>

#include <span>
#include <string>

namespace goldseal {

/// How a build's GPU code serves a device.
enum class GpuCodeFit {
  none,          ///< nothing runs there
  ptx,           ///< the driver compiles PTX for it
  machine_code,  ///< as built
};

/// `capability` is ten times the compute capability: 86 for 8.6; `cuda` is what the build was made with. The rules are
/// those of the CUDA C++ Programming Guide, section Application Compatibility; integrated GPUs run their own machine
/// code alone, those of Jetson from CUDA 13.2 on also that of the others.
[[nodiscard]] GpuCodeFit gpu_code_fit(std::span<const std::string> arch_list, int capability, const Version& cuda);

}  // namespace goldseal
