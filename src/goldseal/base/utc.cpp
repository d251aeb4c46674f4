// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/utc.hpp>

#include <fmt/chrono.h>

#include <cstdlib>
#include <ctime>

namespace goldseal {

std::string utc_now() {
  std::time_t time = std::time(nullptr);
  if (const char* const fixed = std::getenv("SOURCE_DATE_EPOCH")) {
    char* end = nullptr;
    const auto seconds = std::strtoll(fixed, &end, 10);
    if (end != fixed && *end == '\0') time = static_cast<std::time_t>(seconds);
  }
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(time));
}

std::string utc_today() { return utc_now().substr(0, 10); }

}  // namespace goldseal
