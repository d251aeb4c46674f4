// SPDX-License-Identifier: Apache-2.0
// What was asked of a seal's signature and what came of it, as plain data, so that a check can be tested without keys.
// seal_signature.hpp fills it.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace goldseal::signing {

/// What is asked of a seal's signature.
enum class Demand {
  off,      ///< nothing: it is not looked at
  warn,     ///< one that is missing or not good is told; the seal is judged all the same
  require,  ///< one that is missing or not good ends the matter
};
struct DemandTraits {
  Demand kind;
  std::string_view name;
};
inline constexpr std::array k_demands{DemandTraits{Demand::off, "off"}, DemandTraits{Demand::warn, "warn"},
                                      DemandTraits{Demand::require, "require"}};

/// What came of it, as a report tells it.
struct SignatureFinding {
  Demand demand = Demand::off;
  bool good = false;
  bool undecided = false;   ///< it is of a kind that is not judged here
  std::string signer = {};  ///< of a good one
  std::size_t files = 0;    ///< of a good one: how many it covers
  std::string message = {};  ///< of another: what is wrong, and with what
  std::string expected = {};
  std::string actual = {};
  std::string remedy = {};

  /// The seal may not be read.
  [[nodiscard]] bool refuses() const { return demand == Demand::require && !good; }
};

}  // namespace goldseal::signing
