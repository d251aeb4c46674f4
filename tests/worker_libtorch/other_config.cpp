// SPDX-License-Identifier: Apache-2.0
// Loaded before LibTorch (LD_PRELOAD), it makes LibTorch say that it is another version, as when a worker finds other
// libraries than those it was built for.
#include <string>

namespace at {

std::string show_config();
std::string show_config() {
  return "PyTorch built with:\n  - Build settings: BLAS_INFO=none, TORCH_VERSION=0.0.7, USE_CUDA=0, \n";
}

}  // namespace at
