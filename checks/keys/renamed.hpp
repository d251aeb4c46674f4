// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/observation.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace goldseal {

/// (have, want): tensors of the file that have the sealed digest, type and shape of one whose name is missing, one to
/// one; those that a changed segment maps first. Empty where the digests are not known.
[[nodiscard]] std::vector<std::pair<std::size_t, std::size_t>> renamed_tensors(const KeyObservation& keys,
                                                                               const ModelRecord& sealed);

}  // namespace goldseal
