// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "catch.hpp"

#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

namespace goldseal::test {

/// The approved output of this name, under tests/approved.
inline std::string approved(const std::string& name) {
  std::ifstream file(std::string(GOLDSEAL_APPROVED) + "/" + name, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

/// Holds `text` against tests/approved/NAME. What differs is left in the build directory as NAME with `/` as `-` and
/// `.received` at its end: look at it, and copy it over the approved file if it is right.
inline void approve(std::string_view text, const std::string& name) {
  const auto expected = approved(name);
  if (text != expected) {
    auto received = name + ".received";
    for (auto& c : received)
      if (c == '/') c = '-';
    std::ofstream(received, std::ios::binary) << text;
  }
  INFO("approved output: " << name);
  CHECK(std::string(text) == expected);
}

}  // namespace goldseal::test
