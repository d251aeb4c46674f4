// SPDX-License-Identifier: Apache-2.0
// Weights are the largest part of what a run takes, and known before it starts. This file says so where they are loaded.
#pragma once

#include <goldseal/manifest/environment.hpp>

#include <cstdint>
#include <string>

namespace goldseal {

/// What progress says while weights of so many bytes are loaded: `loading 14.0 GiB of weights, 20.1 GiB of memory at
/// hand`. At hand is what the system has available, or the control group's limit where that is less.
[[nodiscard]] std::string loading_step(std::uint64_t weights, const Environment& machine);

}  // namespace goldseal
