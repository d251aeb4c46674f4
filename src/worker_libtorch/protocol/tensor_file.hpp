// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "networks/network.hpp"

#include <string>

namespace goldseal::worker {

/// Reads a safetensors file into memory of its own. Strict: the tensors lie one after the other, without hole, overlap
/// or rest, each as long as its shape says, and no name stands twice. Throws Refusal (`malformed`).
NamedTensors read_tensor_file(const std::string& path);

/// Writes a safetensors file, replacing what is there. The tensors are on the CPU. Throws Refusal.
void write_tensor_file(const std::string& path, const NamedTensors& tensors);

}  // namespace goldseal::worker
