// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/check.hpp>

#include <cstdint>
#include <span>
#include <string>

namespace goldseal {

/// A tensor of the checkpoint with numbers that nothing can be computed from.
struct NonFiniteTensor {
  std::string name;
  std::uint64_t nan = 0;
  std::uint64_t infinite = 0;
};

/// The finding on values that no training gives. `zero_runs`: in words, where a file holds zeros that a network's own
/// do not look like. A warning at most, since what a network is meant to hold is known to its author alone.
[[nodiscard]] Finding judge_values(std::span<const std::string> zero_runs, std::span<const NonFiniteTensor> non_finite);

}  // namespace goldseal
