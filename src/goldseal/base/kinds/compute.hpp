// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/base/kinds/kind_table.hpp>

#include <array>
#include <cstdint>
#include <string_view>

namespace goldseal {

/// What a run computes in: `compute` of the protocol, the run's name in reports.
enum class Compute : std::uint8_t {
  native,   ///< as the model is, in the types of its weights
  float64,  ///< with weights and inputs widened
};

struct ComputeTraits {
  Compute kind;
  std::string_view name;
};
inline constexpr std::array k_computes{ComputeTraits{Compute::native, "native"},
                                       ComputeTraits{Compute::float64, "float64"}};
static_assert(is_indexed_by_kind(k_computes));

[[nodiscard]] constexpr std::string_view to_string(Compute compute) { return row_of(k_computes, compute).name; }

}  // namespace goldseal
