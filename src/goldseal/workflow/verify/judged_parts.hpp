// SPDX-License-Identifier: Apache-2.0
// A PASS covers only what was looked at. This file lists the parts that a verification judged, and
// those that it did not. It changes no verdict.
#pragma once

#include <checks/observation.hpp>
#include <goldseal/verdict/report.hpp>

#include <string>

namespace goldseal {

/// How a model was judged.
enum class JudgedBy {
  run,      ///< the model was run here
  results,  ///< results of an earlier run were judged again
  facts,    ///< `check`: files and facts of the machine, nothing was run
  targets,  ///< `check --target`: facts of another machine alone
};

/// What of the model the observation covers, part by part, and in words what a PASS does not hold for.
[[nodiscard]] Judged judged_parts(const Observation& observed, JudgedBy how);

}  // namespace goldseal
