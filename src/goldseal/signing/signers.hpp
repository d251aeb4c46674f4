// SPDX-License-Identifier: Apache-2.0
// A signature says who made it; whether that counts, only the user can say. This file holds the keys and certificates
// that count, and decides by them alone whose a bundle is. Nothing that a bundle brings along is believed.
#pragma once

#include <goldseal/signing/bundle.hpp>
#include <goldseal/signing/certificates.hpp>
#include <goldseal/signing/keys.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace goldseal::signing {

/// Accepts every identity that a trusted authority vouches for.
inline constexpr std::string_view k_any_identity = "*";

/// Whose signatures count.
struct Signers {
  std::vector<PublicKey> keys;
  std::vector<Certificate> certificates;  ///< authorities, or the signers' own
  std::vector<std::string> identities;    ///< of those whom an authority vouches for
  std::optional<std::int64_t> as_of = {};  ///< the moment that certificates are judged for, by the user's word; else now

  [[nodiscard]] bool empty() const { return keys.empty() && certificates.empty(); }
};

/// The keys and certificates of PEM files. Throws Error{usage} for a file without any, and Error{io}.
[[nodiscard]] Signers load_signers(std::span<const std::string> files, std::vector<std::string> identities);

/// Who signed the bundle, for people: `release.pub (P-256, …)`. Throws Error{malformed} where that is none of the
/// signers, or the signature is broken; Error{unsupported} for a keyless bundle, with the command that judges it; and
/// Error{usage} where an authority counts, and nobody said whom of those it vouches for.
[[nodiscard]] std::string require_signer(const Bundle& bundle, const Signers& signers, const std::string& where);

}  // namespace goldseal::signing
