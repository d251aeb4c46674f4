// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/base/kinds/device.hpp>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal {

/// `--device`: `cpu`, `cuda` (the first GPU), `cuda:N`, or `all` (every GPU, one after the other).
struct DeviceRequest {
  enum class Kind { cpu, cuda, all };
  Kind kind = Kind::cpu;
  std::optional<int> index;  ///< of `cuda:N`
  std::string text;          ///< as it was given
};

/// Throws Error{usage} for another form.
[[nodiscard]] DeviceRequest parse_device(std::string_view text);

/// Those of the devices that a runtime offers on which the model is to run. Where nothing was asked for: the CPU for a
/// seal of the CPU, else the sealed GPU's number, else the first GPU, else the CPU. Empty where what was asked for is
/// not there.
[[nodiscard]] std::vector<Device> choose_devices(const std::optional<DeviceRequest>& asked, const Device& sealed,
                                                 std::span<const Device> offered);

}  // namespace goldseal
