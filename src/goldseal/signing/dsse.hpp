// SPDX-License-Identifier: Apache-2.0
// What is signed is never JSON but bytes, with their type and their length before them (DSSE, the Dead Simple Signing
// Envelope). This file makes those bytes. Who signed them is left to signers.hpp, what they say to the statements.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal::signing {

/// The type of every statement that goldseal writes or reads.
inline constexpr std::string_view k_in_toto_type = "application/vnd.in-toto+json";

/// A payload with one signature over it.
struct Envelope {
  std::string payload;  ///< the bytes as they were signed; nobody parses them before the signature is found good
  std::string payload_type = std::string(k_in_toto_type);
  std::vector<std::uint8_t> signature;  ///< DER
};

/// DSSE's pre-authentication encoding: the bytes that the signature is over.
[[nodiscard]] std::string pae(std::string_view payload_type, std::string_view payload);

/// `r‖s`, as PKCS#11 tokens give an ECDSA signature, as DER; a signature that is DER already, and base64 of either, too.
/// `bytes` is the length of one of the two numbers. Throws Error{malformed} for what is neither.
[[nodiscard]] std::vector<std::uint8_t> as_der_signature(std::string_view given, std::size_t bytes,
                                                         const std::string& where);

}  // namespace goldseal::signing
