// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace goldseal {

/// What a JSON text may be. The depth is that of arrays and objects in one another: whatever walks over a document
/// recursively is safe below it.
struct JsonLimits {
  std::size_t bytes = std::size_t{64} << 20U;
  int depth = 64;
};

/// Reads a JSON text of foreign origin: RFC 8259, UTF-8, within the limits, and without a name that stands twice in an
/// object, since readers differ in which of two counts. Throws Error{malformed} for anything else; `where` names the
/// text, `remedy` says what to do.
[[nodiscard]] nlohmann::json parse_json(std::string_view text, const std::string& where, const JsonLimits& limits = {},
                                        const std::string& remedy = "take the file from its source again");

/// The same without building the document: for a text that is handed on.
void check_json(std::string_view text, const std::string& where, const JsonLimits& limits = {},
                const std::string& remedy = "take the file from its source again");

/// nlohmann/json's words without its own labels, escaped and bounded.
[[nodiscard]] std::string json_reason(std::string_view what);

}  // namespace goldseal
