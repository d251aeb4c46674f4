// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"

#include <goldseal/environment/shared/version.hpp>

using namespace goldseal;  // NOLINT: a test file

TEST_CASE("a version is numbers, stage and label") {
  const auto version = parse_version("2.13.0a0+git1f2e");
  REQUIRE(version);
  CHECK(version->numbers == std::vector<std::int64_t>{2, 13, 0});
  CHECK(version->stage == "a0");
  CHECK(version->label == "git1f2e");
  CHECK(parse_version("535.161.08")->numbers == std::vector<std::int64_t>{535, 161, 8});
  CHECK(parse_version("v1.2")->numbers == std::vector<std::int64_t>{1, 2});
  CHECK(parse_version("2024.2-Product")->stage == "Product");
}

TEST_CASE("text that is no version is not taken for one") {
  for (const auto* text : {"", "abc", ".1", "1.", "v", "+cu130", "99999999999999999999", "-1"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_version(text));
  }
}

TEST_CASE("versions order by number, pre-releases first, labels not at all") {
  const auto less = [](const char* a, const char* b) { return *parse_version(a) < *parse_version(b); };
  CHECK(less("2.9", "2.13"));
  CHECK(less("2.13.0rc1", "2.13.0"));
  CHECK(less("2.13.0.dev20260101", "2.13.0"));
  CHECK_FALSE(less("2.13.0", "2.13"));
  CHECK_FALSE(less("2.13", "2.13.0"));
  CHECK(*parse_version("2.13.0+cpu") == *parse_version("2.13.0+cu130"));
  CHECK(less("2.13.0", "2.13.0post1"));
}
