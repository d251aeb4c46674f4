// SPDX-License-Identifier: Apache-2.0
#include <goldseal/signing/sign.hpp>

#include <goldseal/base/messages/error.hpp>

#include <fmt/format.h>

#include <utility>

namespace goldseal::signing {
namespace {

[[noreturn]] void refuse(std::string where, std::string message, std::string remedy) {
  throw Error(ErrorKind::usage, std::move(where), std::move(message), std::move(remedy));
}

PublicKey signer_of(const SigningMeans& means) {
  if (means.key) return means.key->public_key();
  return means.public_key ? *means.public_key : means.chain.front().public_key();
}

void require_own_certificate(const SigningMeans& means, const PublicKey& signer) {
  if (means.chain.empty()) return;
  const auto& leaf = means.chain.front();
  if (leaf.public_key().hint() != signer.hint())
    refuse("--certificate", fmt::format("expected the certificate of {}, found that of another key: {}", signer.described(), leaf.subject()),
           "give the certificate that was issued for this key");
  if (const auto fault = leaf.missing_usage(); !fault.empty())
    refuse("--certificate", fmt::format("expected a certificate for signing, found {}: {}", leaf.subject(), fault),
           "have one issued with key usage digitalSignature and extended key usage codeSigning");
}

}  // namespace

std::string signed_bundle(std::string payload, const SigningMeans& means, const std::string& where) {
  const auto signer = signer_of(means);
  require_own_certificate(means, signer);
  Bundle bundle;
  bundle.method = means.chain.empty() ? Method::key : Method::certificate;
  bundle.hint = signer.hint();
  bundle.chain = means.chain;
  bundle.envelope.payload = std::move(payload);
  const auto message = pae(bundle.envelope.payload_type, bundle.envelope.payload);
  bundle.envelope.signature = means.key ? means.key->sign(message) : means.signature;
  if (!signer.verifies(message, bundle.envelope.signature))
    refuse(
        where, fmt::format("expected a signature by {} over these bytes, found another", signer.described()),
        fmt::format("write the bytes again with --pae, since the seal may have changed; sign them with {} and that key",
                    signer.hash()));
  return write_bundle(bundle) + '\n';
}

}  // namespace goldseal::signing
