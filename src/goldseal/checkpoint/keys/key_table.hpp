// SPDX-License-Identifier: Apache-2.0
// Matching compares names, shapes and dtypes, not bytes. This function reduces a checkpoint to
// those, and marks tied tensors.
#pragma once

#include <goldseal/checkpoint/keys/keys.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>

#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace goldseal {

/// The keys of a checkpoint's tensors, in order, as match_keys takes them; a tied one names the first of its view.
[[nodiscard]] inline std::vector<Key> key_table(const Checkpoint& checkpoint) {
  using View = std::tuple<std::size_t, std::int64_t, DType, std::vector<std::int64_t>, std::vector<std::int64_t>>;
  std::map<View, const std::string*> first;
  std::vector<std::size_t> sharers(checkpoint.storages.size());
  for (const auto& tensor : checkpoint.tensors) ++sharers[tensor.storage];
  std::vector<Key> keys;
  keys.reserve(checkpoint.tensors.size());
  for (const auto& tensor : checkpoint.tensors) {
    keys.push_back({tensor.name, tensor.dtype, tensor.shape});
    if (sharers[tensor.storage] < 2 || tensor_bytes(tensor) == 0) continue;
    const auto [place, added] =
        first.emplace(View{tensor.storage, tensor.offset, tensor.dtype, tensor.shape, tensor.strides}, &tensor.name);
    if (!added) keys.back().alias_of = *place->second;
  }
  return keys;
}

}  // namespace goldseal
