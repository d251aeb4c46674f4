// SPDX-License-Identifier: Apache-2.0
// Where the processor multiplies polynomials (PCLMULQDQ), the message is folded: of every 128 bits the two halves are
// multiplied by x to the distance that they are moved, and added to what lies there. That changes the message, not its
// remainder; what is left, 16 bytes, goes through zlib. Method: V. Gopal et al., "Fast CRC Computation for Generic
// Polynomials Using PCLMULQDQ Instruction", Intel, 2009.
#include <goldseal/base/bytes/crc32.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace goldseal {
namespace {

std::uint32_t crc32_by_table(std::span<const std::byte> bytes, std::uint32_t seed) {
  return static_cast<std::uint32_t>(::crc32_z(seed, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

#if defined(__x86_64__)

/// x^power modulo the polynomial, bit-reversed as zip's CRC has it and shifted by one: the product of two reversed
/// polynomials of 64 bits comes out one bit lower than a reversed one of 128.
constexpr std::uint64_t power_of_x(unsigned power) {
  constexpr std::uint32_t k_polynomial = 0x04c11db7;
  std::uint32_t remainder = 1;
  for (unsigned i = 0; i < power; ++i) remainder = (remainder << 1) ^ ((remainder >> 31) != 0 ? k_polynomial : 0);
  std::uint64_t reversed = 0;
  for (unsigned i = 0; i < 32; ++i) reversed |= static_cast<std::uint64_t>((remainder >> i) & 1) << (31 - i);
  return reversed << 1;
}

/// What moves 128 bits on by `bits`: their first half, which is the higher one, is 64 bits further from the end.
struct Fold {
  std::uint64_t first;
  std::uint64_t second;
};
constexpr Fold fold_by(unsigned bits) { return {power_of_x(bits + 32), power_of_x(bits - 32)}; }

constexpr Fold k_one = fold_by(128);
constexpr Fold k_four = fold_by(4 * 128);
static_assert(k_four.first == 0x154442bd4 && k_four.second == 0x1c6e41596);  // the paper's, for this polynomial

using Lane = __m128i;  // in plain arrays: std::array drops its alignment attribute, and GCC says so

[[gnu::target("pclmul,sse4.1")]] inline Lane fold(Lane lane, Lane by, Lane next) {
  const auto first = _mm_clmulepi64_si128(lane, by, 0x00);
  const auto second = _mm_clmulepi64_si128(lane, by, 0x11);
  return _mm_xor_si128(_mm_xor_si128(first, second), next);
}

inline Lane load(const std::byte* from) { return _mm_loadu_si128(reinterpret_cast<const Lane*>(from)); }

inline Lane constants(const Fold& by) {
  return _mm_set_epi64x(static_cast<long long>(by.second), static_cast<long long>(by.first));
}

[[gnu::target("pclmul,sse4.1")]] std::uint32_t crc32_by_folding(std::span<const std::byte> bytes, std::uint32_t seed) {
  const auto* at = bytes.data();
  Lane lanes[4]{load(at), load(at + 16), load(at + 32), load(at + 48)};
  lanes[0] = _mm_xor_si128(lanes[0], _mm_cvtsi32_si128(static_cast<int>(~seed)));
  auto rest = bytes.size() - 64;
  at += 64;
  for (const auto by = constants(k_four); rest >= 64; rest -= 64, at += 64) {
    for (std::size_t i = 0; i < 4; ++i) lanes[i] = fold(lanes[i], by, load(at + 16 * i));
  }
  const auto by = constants(k_one);
  auto folded = lanes[0];
  for (std::size_t i = 1; i < 4; ++i) folded = fold(folded, by, lanes[i]);
  for (; rest >= 16; rest -= 16, at += 16) folded = fold(folded, by, load(at));
  std::array<std::byte, 16> left;
  _mm_storeu_si128(reinterpret_cast<Lane*>(left.data()), folded);
  // The seed is in the lanes already; zlib inverts the register that it is given, to zero here.
  return crc32_by_table({at, rest}, crc32_by_table(left, ~std::uint32_t{0}));
}

bool can_fold() {
  static const bool can = __builtin_cpu_supports("pclmul") != 0 && __builtin_cpu_supports("sse4.1") != 0;
  return can;
}

#endif

}  // namespace

std::uint32_t crc32(std::span<const std::byte> bytes, std::uint32_t seed) {
#if defined(__x86_64__)
  if (bytes.size() >= 64 && can_fold()) return crc32_by_folding(bytes, seed);
#endif
  return crc32_by_table(bytes, seed);
}

Error checksum_error(std::string where, std::string_view record, std::uint32_t expected, std::uint32_t found) {
  return {ErrorKind::malformed, std::move(where),
          fmt::format("the bytes of {} are damaged: checksum {:08x} expected, {:08x} found", escape_unprintable(record),
                      expected, found),
          "copy or download the file again; PyTorch itself does not notice this damage"};
}

}  // namespace goldseal
