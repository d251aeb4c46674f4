// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace goldseal {

/// RFC 4648, with padding and without line breaks.
[[nodiscard]] std::string base64(std::span<const std::uint8_t> bytes);

}  // namespace goldseal
