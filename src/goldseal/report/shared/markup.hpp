// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace goldseal {

/// Text from anywhere as the content of an XML or HTML element or of a quoted attribute: what is not printable as
/// escape_unprintable has it, newlines kept, and nothing left that either language would read as markup.
[[nodiscard]] std::string escape_markup(std::string_view text);

/// The same as HTML of a sentence: what stands between backticks becomes `<code>`.
[[nodiscard]] std::string prose(std::string_view text);

}  // namespace goldseal
