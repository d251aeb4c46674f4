// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace goldseal {

/// A moment as people give it to an option, in seconds since 1970: `2026-11-24T06:30:00Z`, `2026-11-24` (midnight UTC),
/// `@SECONDS`, or how long before `now`, `90m`, `24h`, `7d`. Throws Error{usage}, at `option`, for any other text.
[[nodiscard]] std::int64_t parse_moment(const std::string& text, std::int64_t now, const std::string& option);

}  // namespace goldseal
