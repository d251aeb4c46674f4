// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace goldseal {

/// Rows of a table in a finding; its total says how many there are.
inline constexpr std::size_t k_finding_rows = 12;

}  // namespace goldseal
