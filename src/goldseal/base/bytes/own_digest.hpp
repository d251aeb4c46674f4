// SPDX-License-Identifier: Apache-2.0
// A file that is copied, or written as a machine goes down, may come out with other bits and still read as whole. This
// file lets a JSON text hold a digest of itself, so that such a text is told from the one that was written.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace goldseal {

/// The member that holds it: SHA-256, as hexadecimal digits, of the text with zeros in their place.
inline constexpr std::string_view k_own_digest = "report_sha256";
/// What a writer puts there until the text is whole.
inline constexpr std::string_view k_no_own_digest = "0000000000000000000000000000000000000000000000000000000000000000";

/// Puts the digest in the place of the zeros. A text without that member is left as it is.
void fill_own_digest(std::string& json);

enum class OwnDigest : std::uint8_t { none, right, wrong };
/// Whether a text is the one that its digest was made of; `none` where it holds none.
[[nodiscard]] OwnDigest judge_own_digest(std::string_view json);

}  // namespace goldseal
