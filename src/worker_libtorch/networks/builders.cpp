// SPDX-License-Identifier: Apache-2.0
#include "networks/aoti_library.hpp"
#include "networks/network.hpp"

namespace goldseal::worker {

const Builders& builders() {
  static const Builders k_builders{
#ifdef GOLDSEAL_HAS_AOTI
      {"aoti", build_aoti},
#endif
      {"darknet", build_darknet}, {"export", build_export},
      {"plugin", build_plugin},   {"torchscript", build_torchscript},
  };
  return k_builders;
}

}  // namespace goldseal::worker
