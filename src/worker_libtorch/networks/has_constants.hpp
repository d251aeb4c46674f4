// SPDX-License-Identifier: Apache-2.0
// Of the networks that the session builds, those of TorchScript may hold tensors as constants of their code. The session
// hands such tensors over without knowing more of TorchScript.
#pragma once

#include "networks/network.hpp"

namespace goldseal::worker {

/// A network whose code may hold such tensors.
class HasConstants {
 public:
  virtual ~HasConstants() = default;

  /// Makes state entries of those of `constants` that the code holds, found by their values.
  virtual void adopt_constants(const NamedTensors& constants) = 0;
};

}  // namespace goldseal::worker
