// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/manifest/environment.hpp>

#include <optional>
#include <string>
#include <vector>

namespace goldseal {

/// One fact in which two machines differ.
struct FactDifference {
  std::string name;
  std::optional<std::string> before;  ///< as a person reads it; nothing where the first machine lacks it
  std::optional<std::string> after;
  std::string detail;  ///< of two lists: `without amx_bf16`, `with also avx10_1`; of two versions: `older`, `newer`
  friend bool operator==(const FactDifference&, const FactDifference&) = default;
};

struct DifferenceSection {
  std::string title;  ///< `PyTorch`, `GPU`
  std::vector<FactDifference> facts;
};

/// What differs, grouped, in the order in which it matters for a model's answers; last what differs between any two
/// machines or moments (names, serial numbers, directories, free memory). Sections without a difference are left out.
[[nodiscard]] std::vector<DifferenceSection> difference(const Environment& before, const Environment& after);

/// True for a fact that differs between any two machines or moments, and says nothing about answers.
[[nodiscard]] bool is_incidental(std::string_view name);

}  // namespace goldseal
