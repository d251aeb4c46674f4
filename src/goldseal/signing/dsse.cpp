// SPDX-License-Identifier: Apache-2.0
#include <goldseal/signing/dsse.hpp>

#include <goldseal/base/bytes/base64.hpp>
#include <goldseal/base/messages/error.hpp>

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/ecdsa.h>

#include <memory>

namespace goldseal::signing {
namespace {

using Signature = std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)>;

bool is_der(std::span<const std::uint8_t> bytes) {
  const auto* at = bytes.data();
  const Signature read(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(bytes.size())), &ECDSA_SIG_free);
  return read && at == bytes.data() + bytes.size();
}

std::vector<std::uint8_t> der_of(std::span<const std::uint8_t> raw) {
  const auto half = static_cast<int>(raw.size() / 2);
  const Signature signature(ECDSA_SIG_new(), &ECDSA_SIG_free);
  ECDSA_SIG_set0(signature.get(), BN_bin2bn(raw.data(), half, nullptr), BN_bin2bn(raw.data() + half, half, nullptr));
  unsigned char* der = nullptr;
  const int length = i2d_ECDSA_SIG(signature.get(), &der);
  std::vector<std::uint8_t> result(der, der + std::max(length, 0));
  OPENSSL_free(der);
  return result;
}

std::string without_line_breaks(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c != '\n' && c != '\r') result += c;
  }
  return result;
}

}  // namespace

std::string pae(std::string_view payload_type, std::string_view payload) {
  return fmt::format("DSSEv1 {} {} {} {}", payload_type.size(), payload_type, payload.size(), payload);
}

std::vector<std::uint8_t> as_der_signature(std::string_view given, std::size_t bytes, const std::string& where) {
  std::vector<std::uint8_t> signature(given.begin(), given.end());
  if (is_der(signature)) return signature;
  if (signature.size() == 2 * bytes) return der_of(signature);
  try {
    signature = decode_base64(without_line_breaks(given), where);
  } catch (const Error&) {
    signature.clear();
  }
  if (!signature.empty() && is_der(signature)) return signature;
  if (signature.size() == 2 * bytes) return der_of(signature);
  throw Error(ErrorKind::malformed, where,
              fmt::format("expected an ECDSA signature (DER, or {} bytes as a token gives them), found {} bytes that are "
                          "neither",
                          2 * bytes, given.size()),
              "sign the bytes that --pae wrote with the key that --public-key names, and with the hash of its curve");
}

}  // namespace goldseal::signing
