// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/bytes/sha256_lanes.hpp>

#include <catch.hpp>

#include <algorithm>
#include <random>
#include <vector>

using namespace goldseal;

namespace {

std::vector<std::byte> random_bytes(std::size_t size) {
  std::mt19937_64 engine(size);
  std::vector<std::byte> bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::byte>(engine());
  return bytes;
}

Digest digest_of_openssl(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

/// The digests of messages that advance together until the first of them ends.
std::vector<Digest> side_by_side(const std::vector<std::span<const std::byte>>& contents) {
  std::vector<Sha256Message> messages(contents.begin(), contents.end());
  std::vector<Sha256Message*> pointers;
  auto blocks = contents.front().size();
  for (auto& message : messages) {
    pointers.push_back(&message);
    blocks = std::min(blocks, message.rest.size() / k_sha256_block);
  }
  sha256_advance(pointers, blocks);
  std::vector<Digest> digests;
  for (auto& message : messages) {
    Sha256Message* const only = &message;
    sha256_advance({&only, 1}, message.rest.size() / k_sha256_block);
    digests.push_back(sha256_finish(message));
  }
  return digests;
}

}  // namespace

TEST_CASE("messages digested side by side have OpenSSL's digests, at every length and in every lane") {
  if (!has_sha256_lanes()) return;  // such a processor never runs them
  const auto bytes = random_bytes(5000);
  const auto part = [&](std::size_t skip, std::size_t size) { return std::span(bytes).subspan(skip, size); };
  std::size_t wrong = 0;
  for (std::size_t size = 0; size <= 300; ++size) {
    for (std::size_t lanes = 1; lanes <= k_sha256_lanes; ++lanes) {
      std::vector<std::span<const std::byte>> contents;
      for (std::size_t lane = 0; lane < lanes; ++lane) contents.push_back(part(lane * 3, size + lane * 611));
      const auto digests = side_by_side(contents);
      for (std::size_t lane = 0; lane < lanes; ++lane)
        wrong += digests[lane] == digest_of_openssl(contents[lane]) ? 0U : 1U;
      wrong += sha256(contents.front()) == digests.front() ? 0U : 1U;
    }
  }
  CHECK(wrong == 0);
}
