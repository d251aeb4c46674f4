// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/verdict/finding.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace goldseal {

struct Place {
  std::string file;
  std::uint32_t line = 1;  ///< from one
};

/// The file and line of a finding whose origin has the form `FILE:LINE`.
[[nodiscard]] std::optional<Place> place_of(const Finding& finding);

}  // namespace goldseal
