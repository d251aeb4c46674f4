// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace goldseal {

/// The environment variables that a seal records, because they change results or what is loaded; no others are.
[[nodiscard]] std::span<const std::string_view> captured_variables();

/// Device UUIDs shortened: `GPU-8f3c…,1` as `GPU-...,1`.
[[nodiscard]] std::string without_uuids(std::string value);

}  // namespace goldseal
