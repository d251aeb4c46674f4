// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/policy.hpp>

#include <string>
#include <vector>

namespace goldseal {

/// Judges one check under the policy. `today` as below.
[[nodiscard]] Finding run_check(const Check& check, const Observation& observed, const Policy& policy,
                                const std::string& today);

/// Judges every check of the catalogue that is asked of a target. `today` is a UTC day, `2026-11-24`: waivers end. An exception of a check
/// becomes an `unknown` finding of severity `required`, so that a defect in one check never passes a model.
[[nodiscard]] std::vector<Finding> run_checks(const Observation& observed, const Policy& policy,
                                              const std::string& today);

}  // namespace goldseal
