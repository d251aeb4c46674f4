// SPDX-License-Identifier: Apache-2.0
#include <goldseal/cli/signature_options.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/moment.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <ctime>

namespace goldseal::cli {

using signing::Demand;

void SignatureOptions::declare(CLI::App& app) {
  app.add_option("--signed-by", signed_by,
                 "Refuse the seal unless one of these signed it: a file with public keys, or with a certificate or its "
                 "authority (PEM); any number of times")
      ->type_name("FILE");
  app.add_option("--identity", identities,
                 "Whose certificates count, of those that an authority vouches for: an address, URI, host or common name; "
                 "'*' for all; any number of times")
      ->type_name("NAME");
  app.add_option("--certificate-time", certificate_time,
                 "Judge certificates for this moment, at which you know that the signature was made, instead of now: "
                 "2026-11-24, 2026-11-24T06:30:00Z, 7d")
      ->type_name("TIME");
  app.add_option("--signature-file", file, "The seal's signature, where it does not lie in the seal as model.sig")
      ->type_name("FILE");
  app.add_option("--signature", mode,
                 "Whether the seal has to be signed; require where --signed-by is given, else as the policy says")
      ->check(one_of("--signature", {"off", "warn", "require"}))
      ->type_name("DEMAND");
}

signing::SignatureDemand SignatureOptions::demand(const Policy& given, const CommonOptions& common) const {
  const auto of_file = [&](const char* flag) { return common.settings.from_file.contains(flag); };
  const auto of_found_file = [&](const char* flag) { return common.settings.from_found_file.contains(flag); };
  const bool policy_speaks = given.signature || !given.signed_by.empty();
  if (policy_speaks && (of_file("signed-by") || of_file("signature") || of_file("identity"))) {
    SignatureOptions said{.implied = implied};  // on the command line, and by variables
    if (!of_file("signed-by")) said.signed_by = signed_by;
    if (!of_file("signature")) said.mode = mode;
    if (!of_file("identity")) said.identities = identities;
    said.certificate_time = certificate_time;
    said.file = file;
    CommonOptions settled;
    return said.demand(given, settled);
  }
  // Who names the keys asks for a signature by them: a file that was found may neither call that off nor widen whose
  // certificates an authority vouches for.
  const bool keys_named = !signed_by.empty() && !of_file("signed-by");
  if (keys_named && (of_found_file("signature") || of_found_file("identity") || of_found_file("policy"))) {
    SignatureOptions said = *this;
    Policy kept = given;
    if (of_found_file("signature")) said.mode.clear();
    if (of_found_file("identity")) said.identities.clear();
    if (of_found_file("policy")) kept.identities.clear();
    return said.demand(kept, CommonOptions{});
  }
  const auto& policy = given;
  const auto& files = signed_by.empty() ? policy.signed_by : signed_by;
  auto demand = files.empty() ? Demand::off : signed_by.empty() ? Demand::require : implied;
  if (signed_by.empty() && policy.signature) demand = *policy.signature;
  if (!mode.empty()) demand = std::ranges::find(signing::k_demands, mode, &signing::DemandTraits::name)->kind;
  if (demand == Demand::off) {
    if (!file.empty())
      throw Error(ErrorKind::usage, "--signature-file", "expected keys that count, since a signature is given; found none",
                  "name them: --signed-by release.pub");
    return {};
  }
  if (files.empty())
    throw Error(ErrorKind::usage, "--signature",
                fmt::format("expected keys that count, since signatures are asked for (signature of policy {}); found none",
                            policy.name),
                "name them: --signed-by release.pub, or signed-by in the policy or goldseal.toml");
  return {demand, signers(files, identities.empty() ? policy.identities : identities), file};
}

signing::Signers SignatureOptions::signers(const std::vector<std::string>& files, const std::vector<std::string>& names) const {
  auto loaded = signing::load_signers(files, names);
  if (!certificate_time.empty()) {
    const auto now = static_cast<std::int64_t>(std::time(nullptr));
    loaded.as_of = parse_moment(certificate_time, now, "--certificate-time");
  }
  return loaded;
}

signing::Signers SignatureOptions::attestors(const Policy& policy, const CommonOptions& common) const {
  if (signed_by.empty() || common.settings.from_file.contains("signed-by")) require_own_signers("--require-attestation", common);
  SignatureOptions asked = *this;
  asked.mode = "require";
  asked.file.clear();  // that of the seal
  CommonOptions settled = common;
  settled.settings.from_file.erase("signature");
  settled.settings.from_found_file.erase("signature");
  return asked.demand(policy, settled).signers;
}

void SignatureOptions::require_own_signers(std::string_view asked_by, const CommonOptions& common) const {
  for (const auto* const flag : {"signed-by", "identity", "policy"}) {
    if (common.settings.from_found_file.contains(flag))
      throw Error(ErrorKind::usage, std::string(asked_by),
                  fmt::format("expected signers that you named, found {} from a goldseal.toml that was found, not named", flag),
                  "if the file is your own, name it: --config FILE, or GOLDSEAL_CONFIG=FILE; if not: --no-config");
  }
}

}  // namespace goldseal::cli
