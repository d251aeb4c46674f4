// SPDX-License-Identifier: Apache-2.0
#include "numerics/sha256.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#include <sys/auxv.h>
#endif

namespace goldseal::worker {
namespace {

constexpr std::size_t k_block_bytes = 64;
using State = std::array<std::uint32_t, 8>;
using Compress = void (*)(State& state, const std::byte* blocks, std::size_t count);

// The first 32 bits of the fractional parts of the square roots of the first 8 primes (FIPS 180-4, 5.3.3).
constexpr State k_initial{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                          0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

// The same of the cube roots of the first 64 primes (FIPS 180-4, 4.2.2).
alignas(16) constexpr std::array<std::uint32_t, 64> k_round{
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

std::uint32_t load_big_endian(const std::byte* bytes) {
  std::uint32_t word;
  std::memcpy(&word, bytes, sizeof word);
  return std::endian::native == std::endian::little ? __builtin_bswap32(word) : word;
}

void compress_portable(State& state, const std::byte* blocks, std::size_t count) {
  for (; count != 0; --count, blocks += k_block_bytes) {
    std::array<std::uint32_t, 64> w;
    for (std::size_t t = 0; t < 16; ++t) w[t] = load_big_endian(blocks + 4 * t);
    for (std::size_t t = 16; t < 64; ++t) {
      const auto s0 = std::rotr(w[t - 15], 7) ^ std::rotr(w[t - 15], 18) ^ (w[t - 15] >> 3);
      const auto s1 = std::rotr(w[t - 2], 17) ^ std::rotr(w[t - 2], 19) ^ (w[t - 2] >> 10);
      w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }
    auto [a, b, c, d, e, f, g, h] = state;
    for (std::size_t t = 0; t < 64; ++t) {
      const auto s1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
      const auto t1 = h + s1 + ((e & f) ^ (~e & g)) + k_round[t] + w[t];
      const auto s0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
      const auto t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
      h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
    }
    const State add{a, b, c, d, e, f, g, h};
    for (std::size_t i = 0; i < 8; ++i) state[i] += add[i];
  }
}

#if defined(__x86_64__)

// The state travels as (a,b,e,f) and (c,d,g,h), which is how sha256rnds2 takes it. Four rounds a step; the message
// words of step i come from those of the four steps before (Intel SDM, SHA256MSG1 and SHA256MSG2).
__attribute__((target("sha,sse4.1,ssse3"))) void compress_sha_ni(State& state, const std::byte* blocks,
                                                                 std::size_t count) {
  const auto swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  const auto word = [&](std::size_t i) { return static_cast<int>(state[i]); };
  auto abef = _mm_set_epi32(word(0), word(1), word(4), word(5));
  auto cdgh = _mm_set_epi32(word(2), word(3), word(6), word(7));
  for (; count != 0; --count, blocks += k_block_bytes) {
    const auto abef_before = abef;
    const auto cdgh_before = cdgh;
    __m128i w[4];
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
      auto& current = w[i % 4];
      if (i < 4) {
        current = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(blocks) + i), swap);
      } else {
        const auto last = w[(i + 3) % 4];
        const auto sum =
            _mm_add_epi32(_mm_sha256msg1_epu32(current, w[(i + 1) % 4]), _mm_alignr_epi8(last, w[(i + 2) % 4], 4));
        current = _mm_sha256msg2_epu32(sum, last);
      }
      const auto k = _mm_load_si128(reinterpret_cast<const __m128i*>(k_round.data()) + i);
      const auto input = _mm_add_epi32(current, k);
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, input);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(input, 0x0e));
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }
  std::array<std::uint32_t, 4> high;
  std::array<std::uint32_t, 4> low;
  _mm_storeu_si128(reinterpret_cast<__m128i*>(high.data()), abef);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(low.data()), cdgh);
  state = {high[3], high[2], low[3], low[2], high[1], high[0], low[1], low[0]};
}

bool has_sha_ni() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSE4_1) || !(c & bit_SSSE3)) return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 29));
}

Compress best_compress() {
  static const Compress k_best = has_sha_ni() ? compress_sha_ni : compress_portable;
  return k_best;
}

#elif defined(__aarch64__)

// Four rounds a step; the message words of step i come from those of the four steps before (Arm ARM, SHA256SU0 and
// SHA256SU1).
__attribute__((target("+crypto"))) void compress_armv8(State& state, const std::byte* blocks, std::size_t count) {
  auto abcd = vld1q_u32(state.data());
  auto efgh = vld1q_u32(state.data() + 4);
  for (; count != 0; --count, blocks += k_block_bytes) {
    const auto abcd_before = abcd;
    const auto efgh_before = efgh;
    uint32x4_t w[4];
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
      auto& current = w[i % 4];
      if (i < 4) {
        const auto* const bytes = reinterpret_cast<const std::uint8_t*>(blocks) + 16 * i;
        current = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(bytes)));
      } else {
        current = vsha256su1q_u32(vsha256su0q_u32(current, w[(i + 1) % 4]), w[(i + 2) % 4], w[(i + 3) % 4]);
      }
      const auto input = vaddq_u32(current, vld1q_u32(k_round.data() + 4 * i));
      const auto old = abcd;
      abcd = vsha256hq_u32(old, efgh, input);
      efgh = vsha256h2q_u32(efgh, old, input);
    }
    abcd = vaddq_u32(abcd, abcd_before);
    efgh = vaddq_u32(efgh, efgh_before);
  }
  vst1q_u32(state.data(), abcd);
  vst1q_u32(state.data() + 4, efgh);
}

// HWCAP_SHA2 (Linux, arch/arm64/include/uapi/asm/hwcap.h).
Compress best_compress() {
  static const Compress k_best = (::getauxval(AT_HWCAP) & (1UL << 6)) != 0 ? compress_armv8 : compress_portable;
  return k_best;
}

#else

Compress best_compress() { return compress_portable; }

#endif

std::string hex_of(const State& state) {
  static constexpr char k_digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(64);
  for (const auto word : state)
    for (int shift = 28; shift >= 0; shift -= 4) text += k_digits[(word >> shift) & 15];
  return text;
}

std::string digest(std::span<const std::byte> bytes, Compress compress) {
  auto state = k_initial;
  const auto whole = bytes.size() / k_block_bytes;
  compress(state, bytes.data(), whole);

  std::array<std::byte, 2 * k_block_bytes> tail{};
  const auto rest = bytes.size() % k_block_bytes;
  if (rest != 0) std::memcpy(tail.data(), bytes.data() + whole * k_block_bytes, rest);
  tail[rest] = std::byte{0x80};
  const std::size_t blocks = rest + 9 <= k_block_bytes ? 1 : 2;
  const std::uint64_t bits = std::uint64_t{bytes.size()} * 8;
  for (std::size_t i = 0; i < 8; ++i) tail[blocks * k_block_bytes - 1 - i] = static_cast<std::byte>(bits >> (8 * i));
  compress(state, tail.data(), blocks);
  return hex_of(state);
}

}  // namespace

std::string sha256_hex(std::span<const std::byte> bytes) { return digest(bytes, best_compress()); }

std::string sha256_hex_portable(std::span<const std::byte> bytes) { return digest(bytes, compress_portable); }

}  // namespace goldseal::worker
