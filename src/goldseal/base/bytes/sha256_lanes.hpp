// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/base/bytes/sha256.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace goldseal {

/// Messages that sha256_advance takes at once. The SHA instructions of a processor wait for each other within one
/// message; other messages fill the wait (Zen 4: 1.8 GB/s for one, 2.7 for two, 3.5 for three).
constexpr std::size_t k_sha256_lanes = 3;
constexpr std::size_t k_sha256_block = 64;

/// A message in memory, digested as far as `rest`.
struct Sha256Message {
  explicit Sha256Message(std::span<const std::byte> bytes) : rest(bytes), size(bytes.size()) {}

  std::span<const std::byte> rest;
  std::uint64_t size;
  // The first 32 bits of the fractional parts of the square roots of the first 8 primes (FIPS 180-4, 5.3.3).
  std::array<std::uint32_t, 8> state{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
};

/// True where this processor has the instructions that the functions below need. Without them, Sha256 is as fast.
[[nodiscard]] bool has_sha256_lanes();

/// Digests `blocks` blocks of each of at most k_sha256_lanes messages; every one must have so many left.
void sha256_advance(std::span<Sha256Message* const> messages, std::size_t blocks);

/// The digest of a message with less than a block left.
[[nodiscard]] Digest sha256_finish(Sha256Message& message);

}  // namespace goldseal
