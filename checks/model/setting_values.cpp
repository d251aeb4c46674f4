// SPDX-License-Identifier: Apache-2.0
#include <checks/model/setting_values.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>
#include <vector>

namespace goldseal {
namespace {

using Numbers = std::vector<double>;

constexpr double k_exact = 9007199254740992.0;  // 2^53: from here on a double is not each whole number

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::optional<double> number_of(std::string_view text) {
  double value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || end != text.data() + text.size() || !(std::abs(value) < k_exact)) return std::nullopt;
  return value;
}

struct Setting {
  Numbers numbers;
  bool one = false;  // a number alone
};

// `2`, `(2, 2)`, `[2, 2]`, `(2,)`; nothing for texts, switches and nested lists.
std::optional<Setting> setting_of(std::string_view text) {
  if (const auto number = number_of(text)) return Setting{{*number}, true};
  if (text.size() < 2 || !((text.front() == '(' && text.back() == ')') || (text.front() == '[' && text.back() == ']')))
    return std::nullopt;
  text = text.substr(1, text.size() - 2);
  Setting setting;
  while (!trimmed(text).empty()) {
    const auto comma = std::min(text.find(','), text.size());
    const auto number = number_of(trimmed(text.substr(0, comma)));
    if (!number) return std::nullopt;
    setting.numbers.push_back(*number);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return setting;
}

// What a network reckons in float32 tensors and keeps as a number (a rate for each layer, by linspace) has other last bits
// with another processor's instructions.
bool same_number(double one, double other) {
  if (one == other) return true;
  return is_of_float32(one) && is_of_float32(other) &&
         std::abs(one - other) <= k_float32_roundings * std::max(std::abs(one), std::abs(other));
}

bool consists_of(const Numbers& numbers, double value) {
  return !numbers.empty() && std::ranges::all_of(numbers, [&](double number) { return same_number(number, value); });
}

bool same_numbers(const Setting& one, const Setting& other) {
  if (one.one) return consists_of(other.numbers, one.numbers.front());
  if (other.one) return consists_of(one.numbers, other.numbers.front());
  return std::ranges::equal(one.numbers, other.numbers, same_number);
}

std::optional<Setting> sibling(const Configuration& configuration, const std::string& key, std::string_view name) {
  const auto found = configuration.find(key.substr(0, key.rfind('.') + 1) + std::string(name));
  return found == configuration.end() ? std::nullopt : setting_of(found->second);
}

// What `same` comes to, dilation * (kernel_size - 1) / 2 on each side; nothing where the two sides get different numbers.
std::optional<Setting> same_padding(const Configuration& configuration, const std::string& key) {
  const auto kernel = sibling(configuration, key, "kernel_size");
  const auto dilation = sibling(configuration, key, "dilation");
  if (!kernel || !dilation || kernel->numbers.size() != dilation->numbers.size()) return std::nullopt;
  Setting padding;
  for (std::size_t i = 0; i < kernel->numbers.size(); ++i) {
    const double total = dilation->numbers[i] * (kernel->numbers[i] - 1);
    if (std::fmod(total, 2) != 0) return std::nullopt;
    padding.numbers.push_back(total / 2);
  }
  return padding;
}

std::optional<Setting> meaning_of(const Configuration& configuration, const std::string& key) {
  const auto& text = configuration.at(key);
  if (key.substr(key.rfind('.') + 1) == "padding") {
    if (text == "valid") return Setting{{0}, true};
    if (text == "same") return same_padding(configuration, key);
  }
  return setting_of(text);
}

}  // namespace

bool is_of_float32(double value) {
  return value == static_cast<double>(static_cast<float>(value)) && value != std::trunc(value);
}

bool same_setting(const std::string& key, const Configuration& one, const Configuration& other) {
  if (!one.contains(key) || !other.contains(key)) return false;
  if (one.at(key) == other.at(key)) return true;
  const auto here = meaning_of(one, key);
  const auto there = meaning_of(other, key);
  return here && there && same_numbers(*here, *there);
}

}  // namespace goldseal
