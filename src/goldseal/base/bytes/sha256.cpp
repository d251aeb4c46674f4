// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/bytes/sha256.hpp>

#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/bytes/sha256_lanes.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/running/interrupt.hpp>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <new>

namespace goldseal {
namespace {

// What is digested between two looks for a request to stop; a multiple of the block.
constexpr std::size_t k_stretch = std::size_t{4} << 20U;

void require(int ok) {
  if (ok != 1) throw Error(ErrorKind::unsupported, "OpenSSL", "cannot compute SHA-256");
}

// Fetched once: looking an algorithm up takes OpenSSL 3 longer than hashing a small tensor. The machine's openssl.cnf
// is not read: it takes a millisecond, and no machine may say how goldseal computes digests.
const EVP_MD* algorithm() {
  static const EVP_MD* const md = [] {
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
    auto* const found = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    if (found == nullptr) throw Error(ErrorKind::unsupported, "OpenSSL", "gives no SHA-256, or has no memory for it");
    return found;
  }();
  return md;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : m_state(std::make_unique<State>()) {
  if (m_state->context == nullptr) throw std::bad_alloc();
  require(EVP_DigestInit_ex(m_state->context, algorithm(), nullptr));
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto piece = bytes.first(std::min(bytes.size(), k_stretch));
    throw_if_interrupted();
    require(EVP_DigestUpdate(m_state->context, piece.data(), piece.size()));
    bytes = bytes.subspan(piece.size());
  }
}

Digest Sha256::finish() {
  Digest digest;
  require(EVP_DigestFinal_ex(m_state->context, digest.bytes.data(), nullptr));
  return digest;
}

// OpenSSL takes a millisecond to set up before its first digest, which is longer than a small command needs for all
// else.
Digest sha256(std::span<const std::byte> bytes) {
  if (has_sha256_lanes()) {
    Sha256Message message(bytes);
    Sha256Message* const alone = &message;
    while (message.rest.size() >= k_sha256_block) {
      throw_if_interrupted();
      sha256_advance({&alone, 1}, std::min(message.rest.size(), k_stretch) / k_sha256_block);
    }
    return sha256_finish(message);
  }
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

Digest sha256(std::string_view text) { return sha256(as_bytes(text)); }

std::string to_hex(const Digest& digest) {
  std::string hex;
  hex.reserve(64);
  for (const auto byte : digest.bytes) fmt::format_to(std::back_inserter(hex), "{:02x}", byte);
  return hex;
}

std::optional<Digest> parse_digest(std::string_view hex) {
  Digest digest;
  if (hex.size() != 2 * digest.bytes.size()) return std::nullopt;
  for (std::size_t i = 0; i < digest.bytes.size(); ++i) {
    const int high = hex_value(hex[2 * i]);
    const int low = hex_value(hex[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    digest.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return digest;
}

}  // namespace goldseal
