// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "networks/network.hpp"

#include <ATen/core/ivalue.h>

namespace goldseal::worker {

/// What a forward() returned, flattened: `0`, `1.scores`; a single tensor is `output`. Numbers become tensors without
/// dimensions, None is left out. Throws Refusal{unsupported} for anything else.
NamedTensors flatten_outputs(const c10::IValue& value);

}  // namespace goldseal::worker
