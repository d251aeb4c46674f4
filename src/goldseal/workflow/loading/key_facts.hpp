// SPDX-License-Identifier: Apache-2.0
// Names alone do not tell all that is known of keys that fit not: the checkpoint's notes, and what the worker saw in the
// network's code, tell the true cause of some. This file joins them to a match.
#pragma once

#include <checks/observation.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>
#include <goldseal/worker/protocol.hpp>

namespace goldseal {

/// Gives the match of `keys` the cause that the checkpoint's notes or the network's code tell: a tensor that the file
/// names and nobody can read, a load hook that resizes. Leaves the match as it is
/// where they tell nothing, or where every key met its place.
void tell_what_is_known(const Checkpoint& checkpoint, const BuiltNetwork& network, KeyObservation& keys);

}  // namespace goldseal
