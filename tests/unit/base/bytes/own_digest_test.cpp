// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"

#include <goldseal/base/bytes/own_digest.hpp>

#include <string>

using namespace goldseal;

namespace {

std::string written(std::string before = R"({"a":1,)", std::string after = R"(,"z":2})") {
  auto text = before + "\"report_sha256\":\"" + std::string(k_no_own_digest) + "\"" + after;
  fill_own_digest(text);
  return text;
}

}  // namespace

TEST_CASE("a text holds the digest of itself, and no other bytes have it") {
  const auto text = written();
  CHECK(text.find(k_no_own_digest) == std::string::npos);
  CHECK(judge_own_digest(text) == OwnDigest::right);
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (const int bit : {0, 3, 6}) {
      auto flipped = text;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      // A flip in the member's own name leaves a text that holds none.
      CAPTURE(i, bit);
      CHECK(judge_own_digest(flipped) != OwnDigest::right);
    }
  }
  CHECK(judge_own_digest(text + " ") == OwnDigest::wrong);
  CHECK(judge_own_digest(text.substr(0, text.size() - 1)) == OwnDigest::wrong);
}

TEST_CASE("the member is told from texts that name it") {
  CHECK(judge_own_digest(R"({"a":1})") == OwnDigest::none);
  CHECK(judge_own_digest("") == OwnDigest::none);
  CHECK(judge_own_digest(R"({"a":"\"report_sha256\":\"0\""})") == OwnDigest::none);
  CHECK(judge_own_digest(R"({"a":"report_sha256"})") == OwnDigest::none);
  CHECK(judge_own_digest(written(R"({"a":"\"report_sha256\":\"0\"",)")) == OwnDigest::right);
  for (const auto* const odd : {R"({"report_sha256":1})", R"({"report_sha256":""})", R"({"report_sha256":"0)", R"({"report_sha256":)", R"({"report_sha256":null})"}) {
    CAPTURE(odd);
    CHECK(judge_own_digest(odd) == OwnDigest::wrong);
  }
  auto spaced = std::string("{\n  \"report_sha256\" : \"") + std::string(k_no_own_digest) + "\"\n}\n";
  fill_own_digest(spaced);
  CHECK(judge_own_digest(spaced) == OwnDigest::right);
  std::string without = R"({"a":1})";
  fill_own_digest(without);
  CHECK(without == R"({"a":1})");
}
