// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "networks/network.hpp"

#include <cstdint>
#include <vector>

namespace goldseal::worker {

/// How many elements of each leaf the outputs depend on. Such an element's gradient is not zero, for a random
/// combination of all outputs that carry gradients. Makes one backward pass.
std::vector<std::int64_t> reached_elements(const NamedTensors& outputs, const NamedTensors& leaves);

}  // namespace goldseal::worker
