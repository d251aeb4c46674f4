// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "networks/network.hpp"

#include <string>
#include <vector>

namespace goldseal::worker {

/// The SHA-256 of each tensor's elements in row-major order, little-endian, in the order given. Works on several
/// threads.
std::vector<std::string> digest_tensors(const std::vector<at::Tensor>& tensors);

}  // namespace goldseal::worker
