// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/utc.hpp>

#include <fmt/chrono.h>

#include <charconv>
#include <cstdlib>
#include <ctime>
#include <string_view>

namespace goldseal {
namespace {

constexpr long long k_last_second = 253'402'300'799;  // of the year 9999, the last that RFC 3339 can write

std::string written(std::time_t time) { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(time)); }

}  // namespace

std::string utc_now() { return written(std::time(nullptr)); }

std::string utc_text(std::int64_t seconds) {
  if (seconds < 0 || seconds > k_last_second) return {};
  return written(static_cast<std::time_t>(seconds));
}

std::string utc_today() { return utc_now().substr(0, 10); }

std::string utc_of_creation() {
  const char* const fixed = std::getenv("SOURCE_DATE_EPOCH");
  if (fixed == nullptr) return utc_now();
  const std::string_view text(fixed);
  long long seconds = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const bool is_time =
      error == std::errc() && end == text.data() + text.size() && seconds >= 0 && seconds <= k_last_second;
  return is_time ? written(static_cast<std::time_t>(seconds)) : utc_now();
}

}  // namespace goldseal
