// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>

#include <fmt/format.h>

namespace goldseal {
namespace {

Finding judge_signature(const Observation& observed, const CheckSettings&) {
  const auto& signature = observed.signature;
  if (signature.demand == signing::Demand::off)
    return skipped("no signature was asked for; --signed-by asks for one, and so does signature in a policy");
  if (signature.good)
    return passed(fmt::format("signed by {}; the signature covers all {} files of the seal", signature.signer, signature.files));
  auto finding = failed(signature.message, signature.expected, signature.actual, signature.remedy);
  if (signature.demand == signing::Demand::warn) finding.status = Status::warn;
  return finding;
}

}  // namespace

const Check k_seal_signature{
    .id = "seal.signature",
    .title = "The seal is signed by someone who counts",
    .explanation =
        "The digests in a seal notice an edit, not a forger: whoever can write a seal can write another. A signature "
        "(model.sig in the seal, OpenSSF Model Signing) says who made it. Where one is demanded, by --signed-by or by "
        "`signature = \"require\"` in a policy, the seal is refused before anything in it is read unless one of the named "
        "keys signed it, and every file of the seal is as it was signed. With \"warn\" the seal is read all the same, and "
        "the report says what is wrong.",
    .severity = Severity::integrity,
    .judge = judge_signature,
};

}  // namespace goldseal
