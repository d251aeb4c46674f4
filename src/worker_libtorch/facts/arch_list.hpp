// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace goldseal::worker {

/// What the compiler's flags say that a build holds code for, `-gencode;arch=compute_80,code=sm_80;…`: machine code
/// `sm_80`, or PTX `compute_80`, each once, in their order. at::show_config() prints the flags;
/// torch.cuda.get_arch_list() reads a macro of the Python binding, which a LibTorch does not have.
std::vector<std::string> arch_list(const std::string& flags);

}  // namespace goldseal::worker
