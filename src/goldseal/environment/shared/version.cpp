// SPDX-License-Identifier: Apache-2.0
#include <goldseal/environment/shared/version.hpp>

#include <goldseal/base/messages/digits.hpp>
#include <goldseal/base/messages/text.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace goldseal {
namespace {

bool is_pre_release(std::string_view stage) {
  constexpr std::array<std::string_view, 6> k_names{"a", "b", "rc", "dev", "alpha", "beta"};
  const auto letters = stage.substr(0, stage.find_first_of("0123456789"));
  return std::ranges::find(k_names, letters) != k_names.end();
}

// Takes a number off the front; nothing where it does not fit.
std::optional<std::int64_t> take_number(std::string_view& text) {
  std::int64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(result.ptr - text.data()));
  return value;
}

}  // namespace

std::int64_t Version::number(std::size_t place) const { return place < numbers.size() ? numbers[place] : 0; }

bool Version::same_until(const Version& other, std::size_t places) const {
  for (std::size_t i = 0; i < places; ++i) {
    if (number(i) != other.number(i)) return false;
  }
  return true;
}

std::weak_ordering operator<=>(const Version& a, const Version& b) {
  for (std::size_t i = 0; i < std::max(a.numbers.size(), b.numbers.size()); ++i) {
    if (const auto order = a.number(i) <=> b.number(i); order != 0) return order;
  }
  const bool early_a = is_pre_release(a.stage);
  const bool early_b = is_pre_release(b.stage);
  if (early_a != early_b) return early_a ? std::weak_ordering::less : std::weak_ordering::greater;
  return a.stage <=> b.stage;
}

std::optional<Version> parse_version(std::string_view text) {
  if (text.starts_with('v')) text.remove_prefix(1);
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  Version version;
  if (const auto plus = text.find('+'); plus != std::string_view::npos) {
    version.label = text.substr(plus + 1);
    text = text.substr(0, plus);
  }
  do {
    if (text.starts_with('.')) text.remove_prefix(1);
    if (text.empty()) return std::nullopt;
    const bool is_stage = !is_digit(text.front());  // `1.0.dev3`
    if (is_stage) break;
    const auto number = take_number(text);
    if (!number) return std::nullopt;
    version.numbers.push_back(*number);
  } while (text.starts_with('.'));
  version.stage = text.substr(std::min(text.find_first_not_of("-_."), text.size()));
  return version;
}

}  // namespace goldseal
