// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace goldseal::worker {

/// Without the namespace: `to` of `aten::to`.
inline std::string_view bare_name(std::string_view op) {
  const auto space = op.find("::");
  return space == std::string_view::npos ? op : op.substr(space + 2);
}

/// ATen's name without its namespace; empty for the operators of others.
inline std::string_view aten_name(std::string_view op) { return op.substr(0, 6) == "aten::" ? bare_name(op) : std::string_view(); }

template <class Names>
bool is_one_of(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Convert a tensor to the type of another one, or to one that is named.
inline constexpr std::array<std::string_view, 3> k_conversions{"to", "_to_copy", "type_as"};

}  // namespace goldseal::worker
