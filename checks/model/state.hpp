// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/check.hpp>

#include <span>
#include <string>

namespace goldseal {

/// How far a tensor that no state dict holds is from another of its name.
enum class StateDistance {
  equal,     ///< in every bit
  rounding,  ///< as another machine's sin, cos or pow would have it
  size,      ///< in another size, which a forward pass gives it: the values cannot be compared
  beyond,    ///< other values, or another form
};
[[nodiscard]] StateDistance distance(const OutsideRecord& one, const OutsideRecord& other);

/// The finding on two builds of the same network in two processes; those that a golden run reads are judged.
[[nodiscard]] Finding judge_builds(std::span<const OutsideRecord> first, std::span<const OutsideRecord> second);

/// Names of what differs from the seal, for the cause of answers that differ; empty where nothing does.
[[nodiscard]] std::string told_outside(const Observation& observed);

}  // namespace goldseal
