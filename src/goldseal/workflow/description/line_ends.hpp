// SPDX-License-Identifier: Apache-2.0
// git rewrites the ends of lines (core.autocrlf), and so do editors. This file says whether a text that is not as sealed
// differs in nothing else.
#pragma once

#include <goldseal/base/bytes/sha256.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace goldseal {

/// The names of the ends of lines, as a report shows them.
struct LineEnds {
  std::string sealed;
  std::string found;
};

/// The text with a line feed for each carriage return and line feed.
[[nodiscard]] std::string plain_line_ends(std::string_view text);

/// Nothing unless the sealed bytes, of which the size and the digest are known, are the text's with the other line ends
/// throughout.
[[nodiscard]] std::optional<LineEnds> other_line_ends(std::string_view text, std::uint64_t sealed_bytes,
                                                      const Digest& sealed);

}  // namespace goldseal
