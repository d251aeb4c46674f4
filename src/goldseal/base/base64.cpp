// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/base64.hpp>

#include <openssl/evp.h>

#include <algorithm>

namespace goldseal {

std::string base64(std::span<const std::uint8_t> bytes) {
  constexpr std::size_t k_chunk = 3U << 20U;  // OpenSSL counts in int; a multiple of three needs no padding within
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += k_chunk) {
    const auto part = bytes.subspan(at, std::min(k_chunk, bytes.size() - at));
    std::string encoded(4 * ((part.size() + 2) / 3) + 1, '\0');
    const auto length =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()), part.data(), static_cast<int>(part.size()));
    text.append(encoded, 0, static_cast<std::size_t>(length));
  }
  return text;
}

}  // namespace goldseal
