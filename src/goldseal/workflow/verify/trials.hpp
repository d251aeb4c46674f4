// SPDX-License-Identifier: Apache-2.0
// A run that does not agree is made again with one thing changed, so that the report can name the cause. What agreed is
// never run again.
#pragma once

#include <goldseal/workflow/verify/case_run.hpp>

namespace goldseal {

/// Where the float64 run agrees (or there is none) and the native one does not, one setting after the other is changed
/// until it does. A setting that this machine lacks tells nothing.
void try_settings(const RunPlace& place, const CaseRunner& runner, const golden::GoldenTensors& golden,
                  RunFindings& findings);

/// What wraps a network on this machine may swap the colours of its input, where the sealed one did not. The outputs
/// of the same weights then agree to the last digits once the input's channels are reversed, which no other fault can
/// bring about; without a float64 run they must come close to what a sound machine gives, not just below the limit.
void try_channels(const RunPlace& place, const golden::GoldenTensors& golden, const CaseResults& results,
                  RunFindings& findings);

}  // namespace goldseal
