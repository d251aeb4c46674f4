// SPDX-License-Identifier: Apache-2.0
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
