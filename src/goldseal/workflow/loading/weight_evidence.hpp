// SPDX-License-Identifier: Apache-2.0
// A report that names the flipped bit saves its reader a day. This file fingerprints weights at
// capture and explains changed ones at verify. The arithmetic is in
// golden/compare/weight_fingerprint.hpp.
#pragma once

#include <goldseal/checkpoint/keys/keys.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>
#include <goldseal/golden/compare/weight_fingerprint.hpp>
#include <goldseal/manifest/manifest.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace goldseal {

/// The traces of the checkpoint's tensors in the order of tensor_records, computed on all processors.
[[nodiscard]] std::vector<golden::WeightFingerprint> weight_fingerprints(const Checkpoint& checkpoint,
                                                                         const KeyMatch& match);

/// For each tensor of the file whose digest is not the sealed one: what happened to it, by the sealed name, and for each
/// of another shape whether its axes were exchanged. Empty where the seal has no traces. `match` maps the file's keys
/// onto the seal's; `golden_file` is the seal's.
[[nodiscard]] std::map<std::string, golden::WeightChange> explain_weights(
    const Checkpoint& checkpoint, const KeyMatch& match, const std::vector<Digest>& digests, const ModelRecord& sealed,
    const std::shared_ptr<const MappedFile>& golden_file);

}  // namespace goldseal
