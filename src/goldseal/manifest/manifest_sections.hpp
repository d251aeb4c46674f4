// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/base/messages/error.hpp>
#include <goldseal/manifest/manifest.hpp>
#include <goldseal/manifest/toml_text.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The tables of manifest.toml, each read into the record that it describes. What one table may hold says docs/seal.md; the
// whole, and whether its numbers are possible, is judged by those who call (manifest_reader.cpp).
namespace goldseal::manifest_sections {

/// What the tables of one manifest share while they are read.
struct Reading {
  const std::string& where;               ///< the file, as errors name it
  std::vector<std::string> unknown_keys;  ///< keys of a newer goldseal, with their tables
  std::optional<Error> unknown_word;      ///< the first word for a kind that this version does not know
};

// Each throws Error{malformed} that names the key where a value is missing or has another type.

[[nodiscard]] Digest read_digest(TomlReader& table, std::string_view key);
[[nodiscard]] DType read_dtype(TomlReader& table);
/// Sizes of 0 or more; an empty one is a scalar's.
[[nodiscard]] std::vector<std::int64_t> read_shape(TomlReader& table);

/// `[model]` and what is below it.
[[nodiscard]] ModelRecord read_model(const toml::table& table, Reading& reading);
/// One `[[golden]]` and what is below it.
[[nodiscard]] GoldenCase read_golden(const toml::table& table, Reading& reading);
/// `[batch]`.
[[nodiscard]] BatchRecord read_batch(const toml::table& table, Reading& reading);

}  // namespace goldseal::manifest_sections
