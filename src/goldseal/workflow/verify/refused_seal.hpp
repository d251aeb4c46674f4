// SPDX-License-Identifier: Apache-2.0
// A seal that had to be signed and is not by anybody who counts is not read. This file makes the report that says so,
// of one finding. Judging the signature is left to signing/seal_signature.hpp.
#pragma once

#include <goldseal/verdict/report.hpp>
#include <goldseal/workflow/verify/verify.hpp>

#include <memory>
#include <string>

namespace goldseal {

/// The request's seal, opened under its demand unless it is open already.
[[nodiscard]] std::shared_ptr<const OpenSeal> opened_seal(const JudgeRequest& request);

/// The report of a seal that was refused: `seal.signature` fails, exit code 4.
[[nodiscard]] Report refused_seal(std::string verb, const JudgeRequest& request, const OpenSeal& seal);

/// What a report is about, by content: the seal, the checkpoint's files as they were found, the policy.
[[nodiscard]] std::vector<Subject> report_subjects(const JudgeRequest& request, const OpenSeal& seal,
                                                   const Observation& observed);

}  // namespace goldseal
