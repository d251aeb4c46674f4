// SPDX-License-Identifier: Apache-2.0
#include <goldseal/signing/keys.hpp>

#include <goldseal/base/bytes/sha256.hpp>
#include <goldseal/base/files/argument_file.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/signing/pem.hpp>

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>

namespace goldseal::signing {
namespace {

struct Curve {
  std::string_view group;  // OpenSSL's name
  std::string_view name;
  std::string_view hash;
  std::size_t bytes;
  const EVP_MD* (*digest)();
};
// OpenSSF Model Signing v1.0, algorithm registry: each curve has one hash.
constexpr std::array k_curves{Curve{"prime256v1", "P-256", "SHA-256", 32, EVP_sha256},
                              Curve{"secp384r1", "P-384", "SHA-384", 48, EVP_sha384},
                              Curve{"secp521r1", "P-521", "SHA-512", 66, EVP_sha512}};

constexpr std::string_view k_make_key =
    "make one with `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out k.pem`, and its public half with "
    "`openssl pkey -in k.pem -pubout -out k.pub`";

[[noreturn]] void refuse(const std::string& name, std::string message, std::string_view remedy = k_make_key) {
  throw Error(ErrorKind::usage, name, std::move(message), std::string(remedy));
}

// The curve by its name: one that is spelled out in parameters of its own may be anything.
const Curve& curve_of(const EVP_PKEY* key, const std::string& name) {
  std::array<char, 64> group{};
  if (key == nullptr) {
    static_cast<void>(openssl_reason());
    refuse(name, "expected a key on P-256, P-384 or P-521, found one that cannot be read");
  }
  if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC) {
    const char* const type = EVP_PKEY_get0_type_name(key);
    refuse(name, fmt::format("expected a key on P-256, P-384 or P-521, found one of type {}", type ? type : "unknown"));
  }
  std::array<char, 16> encoding{};
  EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, encoding.data(), encoding.size(), nullptr);
  const bool named = std::string_view(encoding.data()) != OSSL_PKEY_EC_ENCODING_EXPLICIT;
  if (!named || EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) != 1) {
    static_cast<void>(openssl_reason());
    refuse(name, "expected a key on P-256, P-384 or P-521, found one with a curve of its own");
  }
  const auto* const found = std::ranges::find(k_curves, std::string_view(group.data()), &Curve::group);
  if (found == k_curves.end())
    refuse(name, fmt::format("expected a key on P-256, P-384 or P-521, found one on {}", group.data()));
  return *found;
}

std::string pem_of(EVP_PKEY* key) {
  const Owned<BIO> bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PUBKEY(bio.get(), key);
  return text_of(bio.get());
}

struct Asked {
  const Passphrase* passphrase;
  std::exception_ptr failure;
  bool asked = false;
};

int give_passphrase(char* buffer, int size, int, void* user) {
  auto& asked = *static_cast<Asked*>(user);
  asked.asked = true;
  try {
    auto text = (*asked.passphrase)();
    const auto length = std::min<std::size_t>(text.size(), static_cast<std::size_t>(size));
    std::memcpy(buffer, text.data(), length);
    OPENSSL_cleanse(text.data(), text.size());
    return static_cast<int>(length);
  } catch (...) {
    asked.failure = std::current_exception();  // no exception crosses OpenSSL
    return -1;
  }
}

std::shared_ptr<EVP_PKEY> shared(EVP_PKEY* key) { return {key, &EVP_PKEY_free}; }

}  // namespace

PublicKey::PublicKey(std::shared_ptr<evp_pkey_st> key, std::string name) : m_key(std::move(key)), m_name(std::move(name)) {
  const auto& curve = curve_of(m_key.get(), m_name);
  m_curve = curve.name;
  m_hash = curve.hash;
  m_bytes = curve.bytes;
  m_hint = to_hex(sha256(pem_of(m_key.get())));
}

std::string PublicKey::described() const { return fmt::format("{} ({}, {})", m_name, m_curve, m_hint); }

bool PublicKey::verifies(std::string_view message, std::span<const std::uint8_t> signature) const {
  const Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
  const auto* const digest = std::ranges::find(k_curves, m_curve, &Curve::name)->digest();
  const bool good = EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, m_key.get()) == 1 &&
                    EVP_DigestVerify(context.get(), signature.data(), signature.size(),
                                     reinterpret_cast<const unsigned char*>(message.data()), message.size()) == 1;
  ERR_clear_error();
  return good;
}

PrivateKey::PrivateKey(std::shared_ptr<evp_pkey_st> key, const std::string& name)
    : m_key(std::move(key)), m_public(m_key, name) {}

std::vector<std::uint8_t> PrivateKey::sign(std::string_view message) const {
  const Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
  const auto* const digest = std::ranges::find(k_curves, m_public.curve(), &Curve::name)->digest();
  const auto* const data = reinterpret_cast<const unsigned char*>(message.data());
  std::size_t length = 0;
  std::vector<std::uint8_t> signature;
  bool good = EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, m_key.get()) == 1 &&
              EVP_DigestSign(context.get(), nullptr, &length, data, message.size()) == 1;
  if (good) {
    signature.resize(length);
    good = EVP_DigestSign(context.get(), signature.data(), &length, data, message.size()) == 1;
    signature.resize(length);
  }
  if (!good)
    throw Error(ErrorKind::unsupported, m_public.name(), fmt::format("the key does not sign: {}", openssl_reason()),
                "is it whole? `openssl pkey -check -in FILE` tells");
  return signature;
}

PrivateKey load_private_key(const std::string& file, const Passphrase& passphrase) {
  const auto text = read_argument_file(file, k_max_key_bytes);
  const auto bio = memory_of(text);
  Asked asked{&passphrase, nullptr};
  auto key = shared(PEM_read_bio_PrivateKey(bio.get(), nullptr, &give_passphrase, &asked));
  if (asked.failure) std::rethrow_exception(asked.failure);
  if (!key) {
    const auto reason = openssl_reason();
    if (asked.asked) refuse(file, fmt::format("the passphrase does not open the key: {}", reason), "give the right one");
    if (text.find("PUBLIC KEY-----") != std::string::npos)
      refuse(file, "expected a private key, found a public one", "give the file that the public half was made from");
    refuse(file, fmt::format("expected a private key in PEM, found none: {}", reason));
  }
  return {std::move(key), file};
}

std::vector<PublicKey> read_public_keys(std::string_view pem, const std::string& name) {
  std::vector<PublicKey> keys;
  for (const auto& block : pem_blocks(pem, name)) {
    if (block.label != PEM_STRING_PUBLIC) continue;
    const auto* at = block.der.data();
    auto key = shared(d2i_PUBKEY(nullptr, &at, static_cast<long>(block.der.size())));
    const auto reason = openssl_reason();
    if (!key) refuse(name, fmt::format("expected public keys in PEM, found one that cannot be read: {}", reason));
    keys.emplace_back(std::move(key), name);
  }
  return keys;
}

PublicKey load_public_key(const std::string& file) {
  const auto text = read_argument_file(file, k_max_key_bytes);
  auto keys = read_public_keys(text, file);
  if (keys.size() != 1) refuse(file, fmt::format("expected one public key in PEM, found {}", keys.size()));
  return std::move(keys.front());
}

}  // namespace goldseal::signing
