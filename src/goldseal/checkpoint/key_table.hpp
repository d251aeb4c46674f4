// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/checkpoint/checkpoint.hpp>
#include <goldseal/checkpoint/keys.hpp>

#include <vector>

namespace goldseal {

/// The keys of a checkpoint's tensors, in order, as match_keys takes them.
[[nodiscard]] inline std::vector<Key> key_table(const Checkpoint& checkpoint) {
  std::vector<Key> keys;
  keys.reserve(checkpoint.tensors.size());
  for (const auto& tensor : checkpoint.tensors) keys.push_back({tensor.name, tensor.dtype, tensor.shape});
  return keys;
}

}  // namespace goldseal
