// SPDX-License-Identifier: Apache-2.0
// Whoever seals a model again wants to see what changed since the last seal. This file compares two
// manifests section by section. Comparing the weights' values is left to
// checkpoint/contents/difference.hpp.
#pragma once

#include <goldseal/environment/difference.hpp>
#include <goldseal/manifest/manifest.hpp>

#include <vector>

namespace goldseal {

/// In what two seals differ apart from their machines, what matters first: the weights (names, shapes, types, digests),
/// how the network is built, the golden cases and what they demand, then the files. Sections without a difference are
/// left out.
[[nodiscard]] std::vector<DifferenceSection> seal_difference(const Manifest& before, const Manifest& after);

}  // namespace goldseal
