// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace goldseal {

/// The schema that this version writes; a change that old readers would misread raises the number.
inline constexpr std::string_view k_report_schema = "goldseal.report/1";
inline constexpr std::string_view k_report_schema_prefix = "goldseal.report/";
inline constexpr int k_report_schema_version = 1;

}  // namespace goldseal
