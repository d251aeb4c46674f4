// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace goldseal {

/// The present moment in UTC as RFC 3339 writes it, `2026-11-24T06:30:00Z`; SOURCE_DATE_EPOCH, if set, stands in for
/// it.
[[nodiscard]] std::string utc_now();

/// Its day: `2026-11-24`.
[[nodiscard]] std::string utc_today();

}  // namespace goldseal
