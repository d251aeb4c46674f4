// SPDX-License-Identifier: Apache-2.0
// A signature is made in one step with a key at hand, or in two where the key never leaves a token: the bytes to sign go
// out, the signature comes back. Both ways end in the same file, and neither writes one that its own reader would refuse.
#pragma once

#include <goldseal/signing/bundle.hpp>
#include <goldseal/signing/signers.hpp>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal::signing {

/// With what a statement is signed.
struct SigningMeans {
  std::optional<PrivateKey> key;        ///< nothing where the signature was made elsewhere
  std::vector<std::uint8_t> signature;  ///< made elsewhere, DER
  std::optional<PublicKey> public_key;  ///< of that one
  std::vector<Certificate> chain;       ///< leaf first; empty to sign by the key alone
};

/// A bundle over the payload as text. Throws Error{usage} where key, signature and certificate do not belong together.
[[nodiscard]] std::string signed_bundle(std::string payload, const SigningMeans& means, const std::string& where);

}  // namespace goldseal::signing
