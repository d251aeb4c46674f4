// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal {

/// RFC 4648, with padding and without line breaks.
[[nodiscard]] std::string base64(std::span<const std::uint8_t> bytes);

/// The bytes of such a text. Throws Error{malformed} that names `where` and what is wrong: another alphabet (that of
/// URLs), a character of none, padding that is missing, misplaced or not zero. Readers differ in what they make of
/// those, and some drop what they do not know.
[[nodiscard]] std::vector<std::uint8_t> decode_base64(std::string_view text, const std::string& where);

}  // namespace goldseal
