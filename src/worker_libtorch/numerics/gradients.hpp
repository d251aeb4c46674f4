// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "networks/network.hpp"

#include <cstdint>
#include <vector>

namespace goldseal::worker {

/// Of each leaf, how many elements the outputs depend on: their gradient is not zero, for a random combination of all
/// outputs that carry gradients. One backward pass.
std::vector<std::int64_t> reached_elements(const NamedTensors& outputs, const NamedTensors& leaves);

}  // namespace goldseal::worker
