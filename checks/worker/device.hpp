// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/observation.hpp>

#include <cstdint>
#include <optional>

namespace goldseal {

/// A GPU whose free memory is known to be less than the weights take there.
struct DeviceShortage {
  Device device;
  std::uint64_t need = 0;
  std::uint64_t free = 0;
  bool float64 = false;  ///< `need` is that of the float64 run
};

/// The first chosen device that the weights do not fit on: in float64, unless the run is a quick one. Nothing where all
/// fit, or where no driver told how much is free. Activations come on top and are not known.
[[nodiscard]] std::optional<DeviceShortage> find_shortage(const Manifest& sealed, const MachineFindings& machine,
                                                          const RunFindings& run);

}  // namespace goldseal
