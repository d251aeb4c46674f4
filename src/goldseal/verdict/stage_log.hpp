// SPDX-License-Identifier: Apache-2.0
// The passes of a verification show where they are, and the report shows later how long each took. This file holds both
// for all of them.
#pragma once

#include <goldseal/base/running/progress.hpp>
#include <goldseal/verdict/stopwatch.hpp>

namespace goldseal {

/// How far a verification is: on the terminal while it runs, in the report afterwards.
struct StageLog {
  Progress& progress;
  Stopwatch stopwatch = {};
};

}  // namespace goldseal
