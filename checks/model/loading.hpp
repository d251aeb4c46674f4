// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/check.hpp>

#include <span>
#include <string>

namespace goldseal {

/// The finding on a network whose own code takes part in loading: `changed` are the tensors that it makes other values
/// of than the file holds.
[[nodiscard]] Finding judge_loading(std::span<const LoadStep> steps, std::span<const std::string> changed);

/// `load hook rename_gamma in norm, and 2 more`.
[[nodiscard]] std::string told_steps(std::span<const LoadStep> steps);

}  // namespace goldseal
