// SPDX-License-Identifier: Apache-2.0
// A signature is as good as the key that it is judged by. This file reads the user's keys, elliptic curves of NIST alone
// (what OpenSSF Model Signing knows), and has OpenSSL sign and verify. Which key counts is for signers.hpp to say.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct evp_pkey_st;

namespace goldseal::signing {

/// What no file with keys or certificates exceeds.
inline constexpr std::uint64_t k_max_key_bytes = 1U << 20U;

/// A public key on P-256, P-384 or P-521, with SHA-256, SHA-384 or SHA-512.
class PublicKey {
 public:
  /// Throws Error{usage} for a key of another kind. `name` is what people are told: the file that it comes from.
  PublicKey(std::shared_ptr<evp_pkey_st> key, std::string name);

  /// SHA-256 of the key as PEM, as `openssl pkey -pubin -pubout` writes it, in lower-case hexadecimal digits: what a
  /// bundle names its key by.
  [[nodiscard]] const std::string& hint() const { return m_hint; }
  [[nodiscard]] const std::string& name() const { return m_name; }
  /// `P-256`.
  [[nodiscard]] std::string_view curve() const { return m_curve; }
  /// `SHA-256`.
  [[nodiscard]] std::string_view hash() const { return m_hash; }
  /// The length of a coordinate: 32, 48 or 66 bytes.
  [[nodiscard]] std::size_t coordinate_bytes() const { return m_bytes; }
  /// Whether `signature` (DER) is this key's over `message`.
  [[nodiscard]] bool verifies(std::string_view message, std::span<const std::uint8_t> signature) const;
  /// `release.pub (P-256, 3f2a91…)`.
  [[nodiscard]] std::string described() const;

 private:
  std::shared_ptr<evp_pkey_st> m_key;
  std::string m_name;
  std::string m_hint;
  std::string_view m_curve;
  std::string_view m_hash;
  std::size_t m_bytes;
};

/// Asks for the passphrase of a key that is encrypted; called only for such a key.
using Passphrase = std::function<std::string()>;

class PrivateKey {
 public:
  PrivateKey(std::shared_ptr<evp_pkey_st> key, const std::string& name);
  /// DER. Throws Error{unsupported} where OpenSSL refuses.
  [[nodiscard]] std::vector<std::uint8_t> sign(std::string_view message) const;
  [[nodiscard]] const PublicKey& public_key() const { return m_public; }

 private:
  std::shared_ptr<evp_pkey_st> m_key;
  PublicKey m_public;
};

/// The first private key of a PEM file. Throws Error{io}, and Error{usage} for another file, a wrong passphrase, or a key
/// of another kind.
[[nodiscard]] PrivateKey load_private_key(const std::string& file, const Passphrase& passphrase);

/// All public keys of a PEM file's text, in its order. Throws Error{usage} for a key of another kind.
[[nodiscard]] std::vector<PublicKey> read_public_keys(std::string_view pem, const std::string& name);

/// The one public key of a file. Throws Error{usage} where it has none or several.
[[nodiscard]] PublicKey load_public_key(const std::string& file);

}  // namespace goldseal::signing
