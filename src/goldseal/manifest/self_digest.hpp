// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace goldseal {

/// A document carries its own SHA-256 in the first line of this form: the digest is taken over the whole text with that
/// line empty, so that `sed 's/^digest = .*/digest = ""/' manifest.toml | sha256sum` computes it too.
inline constexpr std::string_view k_empty_digest_line = "digest = \"\"";

/// `text`, which must contain the empty line, with the digest filled in.
[[nodiscard]] std::string with_self_digest(std::string text);

/// Throws Error{malformed} where the line is missing or the digest is not the text's.
void check_self_digest(std::string_view text, const std::string& where);

}  // namespace goldseal
