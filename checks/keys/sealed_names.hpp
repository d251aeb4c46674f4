// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/observation.hpp>
#include <goldseal/verdict/finding.hpp>

namespace goldseal {

/// True where the network that was built here calls its tensors as the sealed one did, or none was built. A match of
/// keys looks past prefixes, so that the checkpoint of a wrapped network fits the network inside: that one is another.
[[nodiscard]] bool names_are_sealed(const ModelRecord& sealed, const RunFindings& run);

/// The finding where they are not: what is missing from the names, or stands before them.
[[nodiscard]] Finding other_names(const Observation& observed);

}  // namespace goldseal
