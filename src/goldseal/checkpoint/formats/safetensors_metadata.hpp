// SPDX-License-Identifier: Apache-2.0
// A safetensors file may say in its metadata that its tensors are only parts or packed. This file
// compares that statement with the tensors. The tensors themselves are read by safetensors.cpp.
#pragma once

#include <goldseal/checkpoint/state_dict/open_options.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace goldseal {

/// Holds what a safetensors file says about itself (`metadata`) against what is made of its tensors, and adds notes.
/// Throws Error{unsupported} where they are pieces of tensors, unless `options` ask for the contents alone.
void judge_safetensors_metadata(Checkpoint& checkpoint, const OpenOptions& options);

/// Where in its tensor each piece begins, by the tensor's name, as torch.distributed.checkpoint writes it; empty for a
/// file that says nothing of it.
[[nodiscard]] std::map<std::string, std::vector<std::int64_t>> piece_offsets(const Checkpoint& checkpoint);

}  // namespace goldseal
