// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace goldseal {

/// What an error of CUDA, cuDNN or cuBLAS comes from, and what mends it.
struct CudaCause {
  std::string_view text;   ///< the part of the error's own words that tells it
  std::string_view cause;  ///< one sentence, for a finding's message
  std::string_view remedy;
};

/// The cause of an error by its text, as PyTorch 1.13 to 2.13 raises it; null for one that is not CUDA's, or not known.
[[nodiscard]] const CudaCause* explain_cuda_error(std::string_view text);

}  // namespace goldseal
