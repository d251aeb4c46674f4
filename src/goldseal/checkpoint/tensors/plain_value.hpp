// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/base/bytes/sha256.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>

#include <string>

namespace goldseal {

/// SHA-256 of the canonical form of an extra state (PROTOCOL.md, values), which says the same wherever it was written.
/// Throws Error{unsupported} where it holds what is no plain value.
[[nodiscard]] Digest digest(const Checkpoint& checkpoint, const ExtraState& state);

/// The same of a tensor that stands for one.
[[nodiscard]] Digest extra_state_digest(const Tensor& tensor, const Digest& elements);

/// `dict`, `BytesIO`, `tensor`: what it is at the top.
[[nodiscard]] std::string kind_of(const ExtraState& state);

/// Bytes of everything that it holds.
[[nodiscard]] std::uint64_t bytes_of(const ExtraState& state);

}  // namespace goldseal
