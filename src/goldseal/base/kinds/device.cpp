// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/kinds/device.hpp>

#include <goldseal/base/kinds/kind_table.hpp>

#include <array>
#include <charconv>

namespace goldseal {
namespace {

struct Row {
  DeviceType kind;
  std::string_view name;
};

constexpr std::array k_types{Row{DeviceType::cpu, "cpu"}, Row{DeviceType::cuda, "cuda"}, Row{DeviceType::meta, "meta"},
                             Row{DeviceType::other, ""}};
static_assert(is_indexed_by_kind(k_types));

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || value < 0) return std::nullopt;
  return value;
}

}  // namespace

bool Device::has_type_of(const Device& other) const {
  const auto word = [](const std::string& text) { return std::string_view(text).substr(0, text.find(':')); };
  return word(m_text) == word(other.m_text);
}

Device::Device(std::string_view text) : m_text(text) {
  const auto colon = text.find(':');
  const bool numbered = colon != std::string_view::npos;
  const auto index = numbered ? number(text.substr(colon + 1)) : std::nullopt;
  m_type = kind_named(k_types, text.substr(0, colon)).value_or(DeviceType::other);
  if (numbered && !index) m_type = DeviceType::other;
  if (m_type == DeviceType::cuda) m_index = index.value_or(0);
}

}  // namespace goldseal
