// SPDX-License-Identifier: Apache-2.0
// A seal may hold a network's program, and the code that it was written down from may be here and
// trusted too. Either may serve, so both are run. This file makes one report of the two, in which
// nothing that either found is lost.
#pragma once

#include <goldseal/verdict/report.hpp>

namespace goldseal {

/// The report of the code's run with what the program's run found besides: of each finding the graver one, with whose it
/// is before its message where they differ. What is about the code alone is the code's. The evidence and the next
/// command are those of the graver report. Where the code is not at hand, the program's report is the whole answer, and
/// says that the code was not run.
[[nodiscard]] Report both_runs(Report code, Report program);

}  // namespace goldseal
