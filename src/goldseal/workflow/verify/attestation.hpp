// SPDX-License-Identifier: Apache-2.0
// A verdict that was reached on one machine can admit a model on another of its kind. This file turns a report into the
// statement that is signed, and holds such a statement against what is found here. Signatures are judged in signing/.
#pragma once

#include <checks/observation.hpp>
#include <goldseal/signing/test_result.hpp>
#include <goldseal/verdict/report.hpp>
#include <goldseal/workflow/verify/verify.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace goldseal {

/// The statement about a report; `text` is the report's file, `where` its name. Throws Error{usage} where the report
/// holds no verdict, or is not about a checkpoint and a seal.
[[nodiscard]] signing::TestResult attestation_of(const Report& report, std::string_view text, const std::string& where);

/// Whether one of the statements in the request's file admits what was found here: the same seal, checkpoint and policy,
/// and a machine of the same kind. `subjects` are those of the report being made. Throws Error{io} where it cannot be
/// read.
[[nodiscard]] signing::SignatureFinding observe_attestation(const CheckRequest& request, const std::vector<Subject>& subjects,
                                                            const Environment& machine);

}  // namespace goldseal
