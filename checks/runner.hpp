// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/policy.hpp>

#include <string>
#include <vector>

namespace goldseal {

/// Judges every check of the catalogue. `today` is a UTC day, `2026-11-24`: waivers end. An exception of a check
/// becomes an `unknown` finding of severity `required`, so that a defect in one check never passes a model.
[[nodiscard]] std::vector<Finding> run_checks(const Observation& observed, const Policy& policy,
                                              const std::string& today);

}  // namespace goldseal
