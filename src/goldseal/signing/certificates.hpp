// SPDX-License-Identifier: Apache-2.0
// An organisation may vouch for a key with a certificate. This file reads certificates, holds a chain against those that
// the user trusts, and says whom the leaf speaks for. Revocation and time stamps are not judged: nothing here asks a
// network.
#pragma once

#include <goldseal/signing/keys.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct x509_st;

namespace goldseal::signing {

class Certificate {
 public:
  Certificate(std::shared_ptr<x509_st> certificate, std::string name);

  /// DER. Throws Error{malformed}.
  [[nodiscard]] static Certificate from_der(std::span<const std::uint8_t> der, const std::string& where);
  [[nodiscard]] std::vector<std::uint8_t> der() const;
  /// Throws Error{usage} for a key that is not on P-256, P-384 or P-521.
  [[nodiscard]] PublicKey public_key() const;
  /// The names that it speaks for: its addresses, URIs and host names; its common name where it has none of those.
  [[nodiscard]] std::vector<std::string> identities() const;
  /// `CN = release, O = Example`, escaped.
  [[nodiscard]] std::string subject() const;
  [[nodiscard]] bool same_as(const Certificate& other) const;
  /// Empty where it may sign code or documents (key usage digitalSignature; and codeSigning where it names purposes),
  /// else what it lacks.
  [[nodiscard]] std::string missing_usage() const;

 private:
  friend void require_chain(std::span<const Certificate>, std::span<const Certificate>, const std::string&, std::optional<std::int64_t>);
  std::shared_ptr<x509_st> m_certificate;
  std::string m_name;
};

/// All certificates of a PEM file's text, in its order. Throws Error{usage} for one that cannot be read.
[[nodiscard]] std::vector<Certificate> read_certificates(std::string_view pem, const std::string& name);

/// Throws Error{malformed} where no trusted certificate stands behind the chain, whose first is the leaf, or one of them
/// is not valid today.
void require_chain(std::span<const Certificate> chain, std::span<const Certificate> trusted, const std::string& where,
                   std::optional<std::int64_t> as_of = std::nullopt);

}  // namespace goldseal::signing
