// SPDX-License-Identifier: Apache-2.0
// The reader and the writer of safetensors must agree on the limits of the official library. This
// header states them once.
#pragma once

#include <cstdint>

namespace goldseal {

/// Bytes of header beyond which huggingface/safetensors refuses a file (safetensors/src/tensor.rs, MAX_HEADER_SIZE).
inline constexpr std::uint64_t k_safetensors_header_limit = 100'000'000;

}  // namespace goldseal
