// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/observation.hpp>
#include <goldseal/verdict/evidence.hpp>
#include <goldseal/workflow/verify/run_evidence.hpp>

#include <vector>

namespace goldseal {

/// What lies behind the findings, as data for the formats that draw it.
[[nodiscard]] Evidence report_evidence(const Observation& observed, const std::vector<Finding>& findings,
                                       RunEvidence run);

}  // namespace goldseal
