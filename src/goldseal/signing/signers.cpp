// SPDX-License-Identifier: Apache-2.0
#include <goldseal/signing/signers.hpp>

#include <goldseal/base/files/argument_file.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/base/messages/utc.hpp>
#include <goldseal/signing/model_statement.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <optional>

namespace goldseal::signing {
namespace {

[[noreturn]] void refuse(const std::string& where, std::string message, std::string remedy) {
  throw Error(ErrorKind::malformed, where, std::move(message), std::move(remedy));
}

std::string known_keys(const Signers& signers) {
  std::vector<std::string> names;
  for (const auto& key : signers.keys) names.push_back(key.described());
  for (const auto& certificate : signers.certificates) names.push_back(certificate.subject());
  return fmt::format("{}", fmt::join(names, ", "));
}

[[noreturn]] void refuse_foreign(const Signers& signers, const std::string& found, const std::string& where) {
  refuse(where, fmt::format("expected a signature by {}; found one by another: {}", known_keys(signers), found),
         "ask where it comes from whether the signer changed; give the new key as --signed-by only if that is confirmed");
}

// What the bundle says of the key that it was signed with.
std::string claimed_key(const Bundle& bundle) {
  if (bundle.raw_key) return "key " + bundle.raw_key->hint();
  return bundle.hint.empty() ? "a key that it does not name" : "key " + bundle.hint;
}

[[noreturn]] void refuse_broken(const Bundle& bundle, const std::string& signer, const std::string& where) {
  if (looks_like_old_statement(bundle.envelope.payload))
    throw Error(ErrorKind::unsupported, where,
                fmt::format("expected a signature of version 1.0 of model signing, found version 0.2 ({})", k_old_predicate),
                "have the model signed again with model-signing 1.0 or newer, or with `goldseal sign`");
  refuse(where, fmt::format("the signature is broken: {} did not sign this statement", signer),
         "the statement or its signature was changed after it was signed: take both from their source again");
}

// Those of the keys that the bundle names; all of them where it names none.
std::vector<const PublicKey*> candidates(const Bundle& bundle, const Signers& signers) {
  const auto named = bundle.raw_key ? bundle.raw_key->hint() : bundle.hint;
  std::vector<const PublicKey*> keys;
  for (const auto& key : signers.keys) {
    if (named.empty() || key.hint() == named) keys.push_back(&key);
  }
  return keys;
}

std::string require_key(const Bundle& bundle, const Signers& signers, const std::string& where) {
  const auto message = pae(bundle.envelope.payload_type, bundle.envelope.payload);
  const auto signs = [&](const PublicKey& key) { return key.verifies(message, bundle.envelope.signature); };
  if (bundle.raw_key && !bundle.hint.empty() && bundle.raw_key->hint() != bundle.hint)
    refuse(where, fmt::format("the bundle's hint names key {}, and its rawBytes are key {}", bundle.hint, bundle.raw_key->hint()),
           "have it signed again");
  const auto keys = candidates(bundle, signers);
  const auto signer = std::ranges::find_if(keys, [&](const PublicKey* key) { return signs(*key); });
  if (signer != keys.end()) return (*signer)->described();
  const auto other = std::ranges::find_if(signers.keys, signs);
  if (other != signers.keys.end())
    refuse(where,
           fmt::format("the bundle's hint is wrong: expected {}, whose signature it holds; found {}", other->hint(), claimed_key(bundle)),
           "have it signed again; a hint is the SHA-256 of what `openssl pkey -pubin -pubout` prints");
  if (keys.size() == 1) refuse_broken(bundle, keys.front()->described(), where);
  if (looks_like_old_statement(bundle.envelope.payload)) refuse_broken(bundle, "", where);
  refuse_foreign(signers, claimed_key(bundle), where);
}

void require_identity(const Certificate& leaf, const Signers& signers, const std::string& where) {
  if (signers.identities.empty())
    throw Error(ErrorKind::usage, "--signed-by",
                fmt::format("expected --identity beside a certificate of an authority, found none: every signer it vouches for "
                            "would count; this one is {}",
                            leaf.subject()),
                "say whose signature counts: --identity release@example.org; --identity '*' takes any of them");
  const auto found = leaf.identities();
  const auto counts = [&](const std::string& wanted) {
    return wanted == k_any_identity || std::ranges::find(found, wanted) != found.end();
  };
  if (std::ranges::any_of(signers.identities, counts)) return;
  refuse(where,
         fmt::format("expected a signer named {}, found {}", fmt::join(signers.identities, " or "),
                     escape_unprintable(fmt::format("{}", fmt::join(found, ", ")))),
         "ask where it comes from whether the signer changed");
}

PublicKey leaf_key(const Certificate& leaf, const std::string& where) {
  try {
    return leaf.public_key();
  } catch (const Error& error) {
    throw Error(ErrorKind::unsupported, where, error.message(), "have it signed with a key on P-256, P-384 or P-521");
  }
}

std::string require_certificate(const Bundle& bundle, const Signers& signers, const std::string& where) {
  const auto& leaf = bundle.chain.front();
  const auto key = leaf_key(leaf, where);
  const auto message = pae(bundle.envelope.payload_type, bundle.envelope.payload);
  const auto known = std::ranges::find(signers.keys, key.hint(), &PublicKey::hint);
  if (known != signers.keys.end()) {  // the user trusts the key, whoever else vouches for it
    if (!key.verifies(message, bundle.envelope.signature)) refuse_broken(bundle, known->described(), where);
    return known->described();
  }
  if (signers.certificates.empty()) refuse_foreign(signers, "certificate " + leaf.subject(), where);
  require_chain(bundle.chain, signers.certificates, where, signers.as_of);
  if (const auto fault = leaf.missing_usage(); !fault.empty())
    refuse(where, fmt::format("expected a certificate for signing, found {}: {}", leaf.subject(), fault),
           "have it signed with a certificate for that use");
  if (!key.verifies(message, bundle.envelope.signature)) refuse_broken(bundle, leaf.subject(), where);
  const bool pinned = std::ranges::any_of(signers.certificates, [&](const auto& c) { return c.same_as(leaf); });
  if (!pinned) require_identity(leaf, signers, where);
  const auto as_of = signers.as_of ? fmt::format(", judged for {} by your word", utc_text(*signers.as_of)) : std::string();
  return fmt::format("{} (certificate{})", leaf.subject(), as_of);
}

[[noreturn]] void refuse_keyless(const Bundle& bundle, const std::string& where) {
  const auto names = bundle.chain.front().identities();
  const auto name = names.empty() ? std::string("nobody") : escape_unprintable(names.front());
  throw Error(ErrorKind::unsupported, where,
              fmt::format("expected a signature by a key or a long-lived certificate, found a keyless one by {}: Sigstore's "
                          "log is not judged here",
                          name),
              fmt::format("judge it with `model_signing verify sigstore DIRECTORY --signature {} --identity {} "
                          "--identity_provider URL`",
                          where, name));
}

}  // namespace

Signers load_signers(std::span<const std::string> files, std::vector<std::string> identities) {
  Signers signers;
  signers.identities = std::move(identities);
  for (const auto& file : files) {
    const auto text = read_argument_file(file, k_max_key_bytes);
    if (text.find("PRIVATE KEY-----") != std::string::npos)
      throw Error(ErrorKind::usage, file, "expected a public key or a certificate, found a private key",
                  "give its public half: `openssl pkey -in k.pem -pubout -out k.pub`; a private key stays with its owner");
    auto keys = read_public_keys(text, file);
    auto certificates = read_certificates(text, file);
    if (keys.empty() && certificates.empty())
      throw Error(ErrorKind::usage, file, "expected public keys or certificates in PEM, found none",
                  "`openssl pkey -in k.pem -pubout -out k.pub` writes a public key");
    std::ranges::move(keys, std::back_inserter(signers.keys));
    std::ranges::move(certificates, std::back_inserter(signers.certificates));
  }
  return signers;
}

std::string require_signer(const Bundle& bundle, const Signers& signers, const std::string& where) {
  switch (bundle.method) {
    case Method::key:
      return require_key(bundle, signers, where);
    case Method::certificate:
      return require_certificate(bundle, signers, where);
    case Method::keyless:
      break;
  }
  refuse_keyless(bundle, where);
}

}  // namespace goldseal::signing
