// SPDX-License-Identifier: Apache-2.0
// A changed configuration is best told by the setting that changed. This file flattens a JSON file
// to settings that can be compared. It leaves out what names the writer alone.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace goldseal {

/// A larger file is known by its digest alone: that of a vocabulary, for instance.
inline constexpr std::uint64_t k_most_json_bytes = 4U << 20U;

/// What a JSON file says, as text by dotted key: `rope_scaling.factor` → `8.0`. A value that is long, a list, or an
/// object of many members stands as the digest of its text, so that equal maps mean equal contents whatever the layout
/// and the order of keys. What names the writer and not the network (`transformers_version`, `_name_or_path` …) is left
/// out. Nothing for other text than a JSON object, or too much of it.
[[nodiscard]] std::optional<std::map<std::string, std::string>> json_values(std::string_view text);

}  // namespace goldseal
