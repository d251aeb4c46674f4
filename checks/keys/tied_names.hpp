// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/tensors/tensor_finding.hpp>

#include <set>
#include <span>
#include <string>

namespace goldseal {

/// The finding on names that are one tensor in the network: `file` are the digests of the file's tensors, under the
/// network's names.
[[nodiscard]] Finding judge_ties(std::span<const Key> network, const TensorDigests& file);

/// The names that it fails for.
[[nodiscard]] std::set<std::string> names_in_conflict(std::span<const Key> network, const TensorDigests& file);

}  // namespace goldseal
