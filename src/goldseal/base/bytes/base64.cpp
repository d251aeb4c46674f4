// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/bytes/base64.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>

namespace goldseal {
namespace {

constexpr std::string_view k_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

[[noreturn]] void refuse(const std::string& where, std::string message) {
  throw Error(ErrorKind::malformed, where, std::move(message), "have it written again by the tool that made it");
}

[[noreturn]] void refuse_character(const std::string& where, std::string_view text, std::size_t at) {
  if (text[at] == '-' || text[at] == '_')
    refuse(where, "expected base64 in its standard alphabet, found that of URLs (- and _ for + and /)");
  refuse(where, fmt::format("expected base64, found '{}' at character {}", escape_unprintable(text.substr(at, 1)), at));
}

}  // namespace

std::vector<std::uint8_t> decode_base64(std::string_view text, const std::string& where) {
  if (text.size() % 4 != 0 || text.find_first_of("-_") != std::string_view::npos) {
    const auto odd = text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=");
    if (odd != std::string_view::npos) refuse_character(where, text, odd);
    refuse(where, fmt::format("expected base64 with its padding, a multiple of 4 characters; found {}", text.size()));
  }
  const auto padding = text.ends_with("==") ? 2U : text.ends_with('=') ? 1U : 0U;
  std::vector<std::uint8_t> bytes;
  bytes.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool pads = at + padding >= text.size();
    const auto value = pads ? 0 : k_alphabet.find(text[at]);
    if (value == std::string_view::npos) refuse_character(where, text, at);
    bits = bits << 6U | static_cast<std::uint32_t>(value);
    if (at % 4 != 3) continue;
    for (const auto shift : {16U, 8U, 0U}) bytes.push_back(static_cast<std::uint8_t>(bits >> shift & 0xFFU));
    bits = 0;
  }
  for (unsigned pad = 0; pad < padding; ++pad) bytes.pop_back();
  if (base64(bytes) != text) refuse(where, "expected base64 whose last bits are zero, found others");
  return bytes;
}

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
