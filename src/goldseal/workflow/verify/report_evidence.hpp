// SPDX-License-Identifier: Apache-2.0
// Charts and tables need numbers that findings do not carry. This file gathers them from the
// observation in the form that reports draw. It judges nothing and renders nothing.
#pragma once

#include <checks/observation.hpp>
#include <checks/policy.hpp>
#include <goldseal/verdict/evidence.hpp>
#include <goldseal/workflow/verify/run_evidence.hpp>

#include <vector>

namespace goldseal {

/// What lies behind the findings, as data for the formats that draw it.
[[nodiscard]] Evidence report_evidence(const Observation& observed, const std::vector<Finding>& findings,
                                       const Policy& policy, const Distributions& distributions,
                                       std::vector<Picture> pictures);

}  // namespace goldseal
