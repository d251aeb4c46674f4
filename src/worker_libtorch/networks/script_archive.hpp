// SPDX-License-Identifier: Apache-2.0
// A TorchScript archive as LibTorch reads it, and what its code shows before it runs.
#pragma once

#include <torch/script.h>

#include <string>

namespace goldseal::worker {

/// On the CPU. Throws Refusal: `unsupported` where this LibTorch lacks what the archive needs, `malformed` for another
/// file or a damaged one.
torch::jit::Module load_archive(const std::string& path);

/// Plans every function now. Otherwise LibTorch does it in the first run, and the operators that it calls for constants
/// would count as the network's.
void plan_functions(const torch::jit::CompilationUnit& unit);

/// Whether the code holds floating tensors as constants, which torch.jit.freeze makes of weights.
bool has_floating_constants(const torch::jit::Block& block);

}  // namespace goldseal::worker
