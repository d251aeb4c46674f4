// SPDX-License-Identifier: Apache-2.0
// A signature travels in a file: a Sigstore bundle v0.3 around a DSSE envelope. This file reads and writes such files,
// strictly, because readers that differ in what they make of one can be told different things. It believes nothing that
// it reads: whose signature it is, signers.hpp decides.
#pragma once

#include <goldseal/base/bytes/sha256.hpp>
#include <goldseal/signing/certificates.hpp>
#include <goldseal/signing/dsse.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal::signing {

/// What no bundle exceeds: one over 10,000 files has about 3 MB.
inline constexpr std::uint64_t k_max_bundle_bytes = 32U << 20U;

/// How the bundle says that its signer is to be known.
enum class Method {
  key,          ///< a public key that the verifier has
  certificate,  ///< a chain of long-lived certificates
  keyless,      ///< a short-lived certificate of Sigstore's, and entries of its log
};

struct Bundle {
  Method method = Method::key;
  std::string hint;                     ///< of `key`: PublicKey::hint; empty where the bundle names none
  std::optional<PublicKey> raw_key;     ///< of `key`, in older bundles: the key itself, which proves nothing
  std::vector<Certificate> chain;       ///< of the others, leaf first
  Envelope envelope;
};

/// Throws Error{malformed} that names the member of the bundle and what is wrong with it, Error{unsupported} for another
/// version or kind of bundle.
[[nodiscard]] Bundle read_bundle(std::string_view text, const std::string& where);

/// One line of JSON without a line break at its end.
[[nodiscard]] std::string write_bundle(const Bundle& bundle);

}  // namespace goldseal::signing
