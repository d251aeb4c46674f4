// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/observation.hpp>
#include <goldseal/golden/golden_file.hpp>
#include <goldseal/workflow/saved_results.hpp>

#include <vector>

namespace goldseal {

/// Each sealed output of a case held against what the machine gave, in every run that was made; then the outputs that
/// the seal does not have.
[[nodiscard]] std::vector<OutputObservation> compare_outputs(const golden::GoldenTensors& sealed,
                                                             const CaseResults& results);

/// By how much a native run exceeds what rounding can explain: the greatest severity of its outputs, over 1 where one
/// fails.
[[nodiscard]] double worst_severity(const golden::GoldenTensors& sealed, const std::vector<HostTensor>& native);

}  // namespace goldseal
