// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace goldseal {

/// The present moment in UTC as RFC 3339 writes it, `2026-11-24T06:30:00Z`. By the machine's clock, whatever a
/// variable says: waivers end by it.
[[nodiscard]] std::string utc_now();

/// A moment, in seconds since 1970, in the same form; empty before that and after the year 9999.
[[nodiscard]] std::string utc_text(std::int64_t seconds);

/// The same form read back, `2026-11-24T06:30:00Z`, as seconds since 1970; nothing for any other text.
[[nodiscard]] std::optional<std::int64_t> parse_utc(std::string_view text);

/// Its day: `2026-11-24`.
[[nodiscard]] std::string utc_today();

/// When a seal was made: the present moment, or SOURCE_DATE_EPOCH in its place, so that the same files give the same
/// seal.
[[nodiscard]] std::string utc_of_creation();

}  // namespace goldseal
