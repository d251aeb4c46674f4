// SPDX-License-Identifier: Apache-2.0
// A source whose comments changed computes what it computed. This file takes a digest of Python
// source that comments and blank lines have no part in, without a Python and for all its versions
// alike.
#pragma once

#include <goldseal/base/bytes/sha256.hpp>

#include <optional>
#include <string_view>

namespace goldseal {

/// SHA-256 of the source without comments, blank lines and blanks at the ends of lines, all of them outside of strings,
/// and with line feeds for all ends of lines.
/// Comments that something reads stay: an encoding's declaration and type comments (TorchScript's). Nothing where the
/// text might be taken apart otherwise: a string without end, an f-string with quotes or braces of its own.
[[nodiscard]] std::optional<Digest> digest_of_code(std::string_view source);

}  // namespace goldseal
