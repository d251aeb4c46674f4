// SPDX-License-Identifier: Apache-2.0
// Each quantization library has its own suffixes for packed weights. This table lists them, one
// library's scheme a row. packing.cpp walks it.
#pragma once

#include <goldseal/checkpoint/packing/packing.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace goldseal {

/// Element types that a part may have.
enum class TypeClass : std::uint8_t { any, byte, int32, uint32, float8, narrow, integer };

/// An entry of a packed weight: what its name ends with, after the name that all parts begin with.
struct PackingPart {
  std::string_view suffix = {};
  TypeClass type = TypeClass::any;
  bool required = true;
};

struct PackingRow {
  PackingScheme scheme;
  std::string_view weight;           ///< what the plain weight's name ends with
  std::size_t anchor = 0;            ///< the part whose suffix is looked for; no other library's entries end so
  std::array<PackingPart, 8> parts;  ///< filled up with parts without a suffix
};

/// Every known scheme; where entries suit two, the earlier one is meant.
[[nodiscard]] std::span<const PackingRow> packing_rows();

}  // namespace goldseal
