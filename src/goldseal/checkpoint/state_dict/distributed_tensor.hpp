// SPDX-License-Identifier: Apache-2.0
// A rank of a sharded model may save only its own part of each tensor. This file describes such a
// part for a message. Refusing it is left to tensor_subclass.hpp.
#pragma once

#include <goldseal/checkpoint/pickle/pickle.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace goldseal::pickle {

/// What part of a tensor a DTensor or ShardedTensor of torch.distributed is: `one rank's part: shard 0 of 2 on dim 0;
/// local [4, 8] of global [8, 8]`; empty for another class. `state` holds its attributes; `global` is its own shape.
[[nodiscard]] std::string describe_distributed(const Document& document, std::string_view type, Id state,
                                               std::span<const std::int64_t> global);

}  // namespace goldseal::pickle
