// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/bytes/sha256_lanes.hpp>

#include <algorithm>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#include <sys/auxv.h>
#endif

namespace goldseal {
namespace {

#if defined(__x86_64__) || defined(__aarch64__)

// The first 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4, 4.2.2).
alignas(16) constexpr std::array<std::uint32_t, 64> k_round{
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

#endif

#if defined(__x86_64__)

/// A message's state as sha256rnds2 takes it.
struct Registers {
  __m128i abef;
  __m128i cdgh;
};

Registers pack(const std::array<std::uint32_t, 8>& state) {
  const auto word = [&](std::size_t i) { return static_cast<int>(state[i]); };
  return {_mm_set_epi32(word(0), word(1), word(4), word(5)), _mm_set_epi32(word(2), word(3), word(6), word(7))};
}

std::array<std::uint32_t, 8> unpack(const Registers& registers) {
  alignas(16) std::array<std::uint32_t, 4> high;
  alignas(16) std::array<std::uint32_t, 4> low;
  _mm_store_si128(reinterpret_cast<__m128i*>(high.data()), registers.abef);
  _mm_store_si128(reinterpret_cast<__m128i*>(low.data()), registers.cdgh);
  return {high[3], high[2], low[3], low[2], high[1], high[0], low[1], low[0]};
}

/// Four rounds a step, one message after the other; the words of a step come from those of the four steps before (Intel
/// SDM, SHA256MSG1 and SHA256MSG2).
template <std::size_t Lanes>
[[gnu::target("sha,sse4.1,ssse3")]] void compress(std::span<Sha256Message* const> messages, std::size_t blocks) {
  const auto swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  Registers now[Lanes];
  const std::byte* at[Lanes];
  for (std::size_t lane = 0; lane < Lanes; ++lane) {
    now[lane] = pack(messages[lane]->state);
    at[lane] = messages[lane]->rest.data();
  }
  for (std::size_t block = 0; block < blocks; ++block) {
    Registers before[Lanes];
    __m128i w[Lanes][4];
    for (std::size_t lane = 0; lane < Lanes; ++lane) before[lane] = now[lane];
#pragma GCC unroll 16
    for (int step = 0; step < 16; ++step) {
      const auto constant = _mm_load_si128(reinterpret_cast<const __m128i*>(k_round.data()) + step);
#pragma GCC unroll 4
      for (std::size_t lane = 0; lane < Lanes; ++lane) {
        auto& current = w[lane][step % 4];
        if (step < 4) {
          current = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at[lane]) + step), swap);
        } else {
          const auto last = w[lane][(step + 3) % 4];
          const auto sum = _mm_add_epi32(_mm_sha256msg1_epu32(current, w[lane][(step + 1) % 4]),
                                         _mm_alignr_epi8(last, w[lane][(step + 2) % 4], 4));
          current = _mm_sha256msg2_epu32(sum, last);
        }
        const auto input = _mm_add_epi32(current, constant);
        auto& [abef, cdgh] = now[lane];
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, input);
        abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(input, 0x0e));
      }
    }
    for (std::size_t lane = 0; lane < Lanes; ++lane) {
      now[lane].abef = _mm_add_epi32(now[lane].abef, before[lane].abef);
      now[lane].cdgh = _mm_add_epi32(now[lane].cdgh, before[lane].cdgh);
      at[lane] += k_sha256_block;
    }
  }
  for (std::size_t lane = 0; lane < Lanes; ++lane) {
    messages[lane]->state = unpack(now[lane]);
    messages[lane]->rest = messages[lane]->rest.subspan(blocks * k_sha256_block);
  }
}

// Compilers differ in whether __builtin_cpu_supports knows SHA: this is its bit (Intel SDM, CPUID, leaf 7).
bool detect() {
  constexpr unsigned k_sha = 1U << 29;
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__builtin_cpu_supports("sse4.1") == 0 || __builtin_cpu_supports("ssse3") == 0) return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & k_sha) != 0;
}

#elif defined(__aarch64__)

/// Four rounds a step, one message after the other; the words of a step come from those of the four steps before (Arm
/// ARM, SHA256SU0 and SHA256SU1).
template <std::size_t Lanes>
[[gnu::target("+crypto")]] void compress(std::span<Sha256Message* const> messages, std::size_t blocks) {
  uint32x4_t abcd[Lanes];
  uint32x4_t efgh[Lanes];
  const std::byte* at[Lanes];
  for (std::size_t lane = 0; lane < Lanes; ++lane) {
    abcd[lane] = vld1q_u32(messages[lane]->state.data());
    efgh[lane] = vld1q_u32(messages[lane]->state.data() + 4);
    at[lane] = messages[lane]->rest.data();
  }
  for (std::size_t block = 0; block < blocks; ++block) {
    uint32x4_t before[Lanes][2];
    uint32x4_t w[Lanes][4];
    for (std::size_t lane = 0; lane < Lanes; ++lane) {
      before[lane][0] = abcd[lane];
      before[lane][1] = efgh[lane];
    }
#pragma GCC unroll 16
    for (std::size_t step = 0; step < 16; ++step) {
      const auto constant = vld1q_u32(k_round.data() + 4 * step);
#pragma GCC unroll 4
      for (std::size_t lane = 0; lane < Lanes; ++lane) {
        auto& current = w[lane][step % 4];
        if (step < 4) {
          const auto* const bytes = reinterpret_cast<const std::uint8_t*>(at[lane]) + 16 * step;
          current = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(bytes)));
        } else {
          current = vsha256su1q_u32(vsha256su0q_u32(current, w[lane][(step + 1) % 4]), w[lane][(step + 2) % 4],
                                    w[lane][(step + 3) % 4]);
        }
        const auto input = vaddq_u32(current, constant);
        const auto old = abcd[lane];
        abcd[lane] = vsha256hq_u32(old, efgh[lane], input);
        efgh[lane] = vsha256h2q_u32(efgh[lane], old, input);
      }
    }
    for (std::size_t lane = 0; lane < Lanes; ++lane) {
      abcd[lane] = vaddq_u32(abcd[lane], before[lane][0]);
      efgh[lane] = vaddq_u32(efgh[lane], before[lane][1]);
      at[lane] += k_sha256_block;
    }
  }
  for (std::size_t lane = 0; lane < Lanes; ++lane) {
    vst1q_u32(messages[lane]->state.data(), abcd[lane]);
    vst1q_u32(messages[lane]->state.data() + 4, efgh[lane]);
    messages[lane]->rest = messages[lane]->rest.subspan(blocks * k_sha256_block);
  }
}

// HWCAP_SHA2 (Linux, arch/arm64/include/uapi/asm/hwcap.h).
bool detect() { return (::getauxval(AT_HWCAP) & (1UL << 6)) != 0; }

#else

template <std::size_t Lanes>
void compress(std::span<Sha256Message* const>, std::size_t) {}

bool detect() { return false; }

#endif

}  // namespace

bool has_sha256_lanes() {
  static const bool has = detect();
  return has;
}

void sha256_advance(std::span<Sha256Message* const> messages, std::size_t blocks) {
  static_assert(k_sha256_lanes == 3);
  if (messages.size() == 3) return compress<3>(messages, blocks);
  if (messages.size() == 2) return compress<2>(messages, blocks);
  compress<1>(messages, blocks);
}

Digest sha256_finish(Sha256Message& message) {
  std::array<std::byte, 2 * k_sha256_block> tail{};
  std::ranges::copy(message.rest, tail.begin());
  tail[message.rest.size()] = std::byte{0x80};
  const std::size_t blocks = message.rest.size() + 9 <= k_sha256_block ? 1 : 2;
  const auto bits = message.size * 8;
  for (std::size_t i = 0; i < 8; ++i) tail[blocks * k_sha256_block - 1 - i] = static_cast<std::byte>(bits >> (8 * i));
  message.rest = tail;
  Sha256Message* const only = &message;
  sha256_advance({&only, 1}, blocks);
  message.rest = {};
  Digest digest;
  for (std::size_t i = 0; i < digest.bytes.size(); ++i)
    digest.bytes[i] = static_cast<std::uint8_t>(message.state[i / 4] >> (24 - 8 * (i % 4)));
  return digest;
}

}  // namespace goldseal
