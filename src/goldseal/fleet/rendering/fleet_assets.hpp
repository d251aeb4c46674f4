// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace goldseal::fleet {

/// fleet.css, which adds to the style of a report's page, and fleet.js.
[[nodiscard]] std::string_view fleet_style();
[[nodiscard]] std::string_view fleet_script();

}  // namespace goldseal::fleet
