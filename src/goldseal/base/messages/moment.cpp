// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/messages/moment.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/base/messages/utc.hpp>

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>
#include <string_view>

namespace goldseal {

std::int64_t parse_moment(const std::string& text, std::int64_t now, const std::string& option) {
  if (const auto moment = parse_utc(text)) return *moment;
  if (const auto day = parse_utc(text + "T00:00:00Z")) return *day;
  const std::string_view view(text);
  const auto number = [&](std::string_view digits) -> std::optional<std::int64_t> {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    constexpr std::int64_t k_most = 253'402'300'799;
    if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() || value < 0 || value > k_most) return std::nullopt;
    return value;
  };
  if (view.starts_with('@')) {
    if (const auto seconds = number(view.substr(1))) return *seconds;
  } else if (!view.empty()) {
    constexpr std::string_view k_units = "smhd";
    constexpr std::array<std::int64_t, 4> k_seconds{1, 60, 3'600, 86'400};
    const auto unit = k_units.find(view.back());
    const auto amount = number(view.substr(0, view.size() - 1));
    if (unit != std::string_view::npos && amount && *amount <= 40'000'000) return now - *amount * k_seconds[unit];
  }
  throw Error(ErrorKind::usage, option, fmt::format("expected a moment, found {}", escape_unprintable(text)),
              "write 2026-11-24T06:30:00Z, 2026-11-24, @SECONDS since 1970, or how long ago: 90m, 24h, 7d");
}

}  // namespace goldseal
