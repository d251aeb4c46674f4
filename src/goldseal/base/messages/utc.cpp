// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/messages/utc.hpp>

#include <fmt/chrono.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <string_view>

namespace goldseal {
namespace {

constexpr long long k_last_second = 253'402'300'799;  // of the year 9999, the last that RFC 3339 can write

std::string written(std::time_t time) { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(time)); }

}  // namespace

// A clock that runs beyond what can be written shows the nearest moment that can: it is wrong either way, and no run ends by it.
std::string utc_now() { return written(std::clamp<std::time_t>(std::time(nullptr), 0, k_last_second)); }

std::string utc_text(std::int64_t seconds) {
  if (seconds < 0 || seconds > k_last_second) return {};
  return written(static_cast<std::time_t>(seconds));
}

std::optional<std::int64_t> parse_utc(std::string_view text) {
  constexpr std::string_view k_form = "dddd-dd-ddTdd:dd:ddZ";
  if (text.size() != k_form.size()) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_digit = text[i] >= '0' && text[i] <= '9';
    if (k_form[i] == 'd' ? !is_digit : text[i] != k_form[i]) return std::nullopt;
  }
  const auto number = [&](std::size_t at, std::size_t length) {
    int value = 0;
    std::from_chars(text.data() + at, text.data() + at + length, value);
    return value;
  };
  const std::chrono::year_month_day date{std::chrono::year(number(0, 4)),
                                         std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                         std::chrono::day(static_cast<unsigned>(number(8, 2)))};
  const auto hour = number(11, 2);
  const auto minute = number(14, 2);
  const auto second = number(17, 2);
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  const auto days = std::int64_t{std::chrono::sys_days(date).time_since_epoch().count()};
  return days * 86'400 + hour * 3'600 + minute * 60 + second;
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
