// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>

#include <fmt/format.h>

namespace goldseal {
namespace {

Finding judge_model_signature(const Observation& observed, const CheckSettings&) {
  const auto& signature = observed.model_signature;
  if (signature.demand == signing::Demand::off)
    return skipped("the publisher's signature was not asked for; --model-signature asks for it");
  if (signature.good)
    return passed(fmt::format("the model is signed by {}; the signature covers the {} files that were read", signature.signer,
                              signature.files));
  if (signature.undecided) {
    auto finding = undecided(signature.message, signature.remedy);
    finding.severity = Severity::required;  // it was asked for: what cannot be judged does not pass
    return finding;
  }
  return failed(signature.message, signature.expected, signature.actual, signature.remedy);
}

}  // namespace

const Check k_file_signature{
    .id = "file.signature",
    .title = "The model is signed by its publisher",
    .explanation =
        "Whoever publishes a model may sign it (OpenSSF Model Signing: model.sig beside the weights). With "
        "--model-signature and --model-key the files that the seal names are compared with that signature, by the "
        "digests "
        "that are computed anyway. A keyless signature (Sigstore) is compared with the files as well, but its signer "
        "is "
        "not judged here: the finding names the command that does.",
    .severity = Severity::integrity,
    .judge = judge_model_signature,
};

}  // namespace goldseal
