// SPDX-License-Identifier: Apache-2.0
#include "numerics/sha256.hpp"

#include <catch.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

using goldseal::worker::sha256_hex;
using goldseal::worker::sha256_hex_portable;

namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}

std::vector<std::byte> pattern(std::size_t size) {
  std::vector<std::byte> bytes(size);
  unsigned state = 1;
  for (auto& byte : bytes) byte = static_cast<std::byte>((state = state * 1664525u + 1013904223u) >> 24);
  return bytes;
}

}  // namespace

// FIPS 180-4's examples, and the digest of nothing.
TEST_CASE("SHA-256 of the published examples is the published digest") {
  const std::string million(1'000'000, 'a');
  const std::vector<std::pair<std::string_view, std::string>> examples{
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {million, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
  };
  for (const auto& [text, digest] : examples) {
    CHECK(sha256_hex(bytes_of(text)) == digest);
    CHECK(sha256_hex_portable(bytes_of(text)) == digest);
  }
}

TEST_CASE("The processor's instructions give what portable code gives, for every length and alignment") {
  const auto bytes = pattern(1'000'003);
  const std::span<const std::byte> all(bytes);
  for (std::size_t size = 0; size <= 300; ++size) {
    const auto part = all.subspan(size % 7, size);
    CHECK(sha256_hex(part) == sha256_hex_portable(part));
  }
  CHECK(sha256_hex(all) == sha256_hex_portable(all));
}
