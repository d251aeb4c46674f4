// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/verdict/finding.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal {

/// Columns that UTF-8 text takes on a terminal: wide characters two (UAX #11), combining marks none.
[[nodiscard]] std::size_t display_width(std::string_view text);

/// Text from anywhere, safe on one line of a terminal. Without `unicode` it is ASCII: punctuation by its nearest
/// likeness, the rest as `\u00e9`.
[[nodiscard]] std::string printable(std::string_view text, bool unicode);

/// The same with its newlines kept: a message of PyTorch's has many lines.
[[nodiscard]] std::string printable_lines(std::string_view text, bool unicode);

/// At most `width` columns, the middle left out where it is longer: both ends of a path or key tell more.
[[nodiscard]] std::string shorten(std::string_view text, std::size_t width, bool unicode);

/// At most `width` columns, the end left out where it is longer: for sentences.
[[nodiscard]] std::string cut(std::string_view text, std::size_t width, bool unicode);

/// Filled with spaces to `width` columns.
[[nodiscard]] std::string pad(std::string_view text, std::size_t width, bool right_aligned = false);

/// Lines of at most `width` columns, broken at spaces and at newlines; a longer word has a line of its own. The text
/// must be printable but for newlines; one line at least.
[[nodiscard]] std::vector<std::string> wrap(std::string_view text, std::size_t width);

/// A table as lines of at most `width` columns: a heading, a rule, at most `row_limit` rows and a line that says how
/// many were left out. Columns of numbers are aligned to the right and never shortened; where they do not fit side by
/// side, the rest of the columns follow below, under the first column once more.
[[nodiscard]] std::vector<std::string> lay_out(const Table& table, std::size_t width, std::size_t row_limit,
                                               bool unicode);

}  // namespace goldseal
