// SPDX-License-Identifier: Apache-2.0
// Loading in part is safe only if the answers do not depend on what was not loaded. This file moves
// each such tensor and looks whether an answer changes. Which names may be left out is decided by
// checkpoint/keys/admission.hpp.
#pragma once

#include <checks/observation.hpp>
#include <goldseal/checkpoint/keys/admission.hpp>
#include <goldseal/golden/tensors/host_tensor.hpp>
#include <goldseal/worker/worker.hpp>

#include <span>
#include <vector>

namespace goldseal {

/// What was admitted, with the digests that the worker took of what it did not load. Whether the answers depend on it
/// is not asked yet.
[[nodiscard]] PartialFindings partial_findings(const KeyObservation& keys, std::span<const LoadedTensor> digests);

/// Moves each tensor that was not loaded, in native runs of its own on these inputs, and notes whether an answer
/// changed. Tensors whose effect is known, and tensors that are not floating, are left alone.
void move_each(Worker& worker, const std::vector<HostTensor>& inputs, PartialFindings& partial);

/// Throws Error{usage} for a pattern that named nothing that had to be admitted: a slip of the hand would pass for a
/// decision.
void require_used(const Admission& admission, std::span<const KeyObservation* const> matches);

}  // namespace goldseal
