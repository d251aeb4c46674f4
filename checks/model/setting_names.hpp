// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace goldseal {

/// The last segment of a key: what the setting is called, whatever layer it belongs to. A number behind the name is a
/// place in it.
[[nodiscard]] inline std::string_view name_of_setting(std::string_view key) { return key.substr(key.rfind('.') + 1); }

/// `eps of module_list.0.batch_norm_0`
[[nodiscard]] inline std::string place_of_setting(std::string_view key) {
  const auto dot = key.rfind('.');
  if (dot == std::string_view::npos) return escape_unprintable(key);
  return fmt::format("{} of {}", escape_unprintable(name_of_setting(key)), escape_unprintable(key.substr(0, dot)));
}

}  // namespace goldseal
