// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

// A kind (how a network is built, what a file is) is an enumeration with one table: a row for each enumerator, in their
// order, with `kind`, `name` (its word in TOML, JSON, the protocol and messages) and what else holds of it. Nothing
// else compares words.
namespace goldseal {

/// Whether row i is that of the enumerator i, so that the table can be indexed by the kind: for a static_assert.
template <typename Row, std::size_t N>
[[nodiscard]] consteval bool is_indexed_by_kind(const std::array<Row, N>& rows) {
  for (std::size_t i = 0; i < N; ++i)
    if (static_cast<std::size_t>(rows[i].kind) != i) return false;
  return true;
}

/// The row of a kind.
template <typename Row, std::size_t N>
[[nodiscard]] constexpr const Row& row_of(const std::array<Row, N>& rows, decltype(Row::kind) kind) {
  return rows[static_cast<std::size_t>(kind)];
}

/// The kind of this name; nothing for a word that names none.
template <typename Row, std::size_t N>
[[nodiscard]] constexpr auto kind_named(const std::array<Row, N>& rows, std::string_view name)
    -> std::optional<decltype(Row::kind)> {
  const auto found = std::ranges::find(rows, name, &Row::name);
  if (found == rows.end()) return std::nullopt;
  return found->kind;
}

/// `checkpoint, shard, architecture`: the names of the rows that `which` takes, for messages.
template <typename Row, std::size_t N, typename Which>
[[nodiscard]] std::string names_of(const std::array<Row, N>& rows, Which which) {
  std::string names;
  for (const auto& row : rows) {
    if (!std::invoke(which, row)) continue;
    if (!names.empty()) names += ", ";
    names += row.name;
  }
  return names;
}

template <typename Row, std::size_t N>
[[nodiscard]] std::string names_of(const std::array<Row, N>& rows) {
  return names_of(rows, [](const Row&) { return true; });
}

}  // namespace goldseal
