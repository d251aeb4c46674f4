// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>

#include <fmt/format.h>

namespace goldseal {
namespace {

Finding judge_attestation(const Observation& observed, const CheckSettings&) {
  const auto& attestation = observed.attestation;
  if (attestation.demand == signing::Demand::off)
    return skipped("no attestation was asked for; --require-attestation asks for one");
  if (attestation.good) {
    auto finding = passed(fmt::format("{} attested that this model passed on such a machine", attestation.signer));
    if (attestation.message.empty()) return finding;
    finding.status = Status::warn;
    finding.message += "; " + attestation.message;
    finding.remedy = attestation.remedy;
    return finding;
  }
  return failed(attestation.message, attestation.expected, attestation.actual, attestation.remedy);
}

}  // namespace

const Check k_seal_attestation{
    .id = "seal.attestation",
    .title = "An earlier verdict on this model and such a machine is attested",
    .explanation =
        "`goldseal check --require-attestation` takes a verdict that was reached elsewhere in place of running the model: "
        "a signed statement (`goldseal attest`) that this seal and this checkpoint passed, under this policy, on a machine "
        "with the same GPU, driver, CPU and PyTorch. It fails where the statement is not signed by a key that counts, is "
        "about another model, policy or machine, says that the run failed, or is older than --max-age. What only a PyTorch tells, and is not known here, is not "
        "compared: the finding names it and warns. A captured machine (--target) is compared in full.",
    .severity = Severity::fail,
    .judge = judge_attestation,
};

}  // namespace goldseal
