// SPDX-License-Identifier: Apache-2.0
#include "network.hpp"

namespace goldseal::worker {

const Builders& builders() {
  static const Builders k_builders{
      {"darknet", build_darknet},
      {"export", build_export},
      {"plugin", build_plugin},
      {"torchscript", build_torchscript},
  };
  return k_builders;
}

}  // namespace goldseal::worker
