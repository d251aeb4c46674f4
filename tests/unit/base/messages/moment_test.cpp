// SPDX-License-Identifier: Apache-2.0
// Kinds: each form that is told; a form with a part missing, out of range, of another unit, with a sign or with more behind
// it; digits of other scripts.
#include <goldseal/base/messages/digits.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/moment.hpp>
#include <goldseal/base/messages/utc.hpp>

#include <catch.hpp>

namespace goldseal {
namespace {

constexpr std::int64_t k_this_moment = 1'800'000'000;

std::int64_t moment(const std::string& text) { return parse_moment(text, k_this_moment, "--since"); }

TEST_CASE("a moment is told in UTC, as a day, in seconds since 1970 or by how long ago it was") {
  CHECK(utc_text(moment("2026-11-24T06:30:00Z")) == "2026-11-24T06:30:00Z");
  CHECK(utc_text(moment("2026-11-24")) == "2026-11-24T00:00:00Z");
  CHECK(moment("@1764000000") == 1'764'000'000);
  CHECK(moment("@0") == 0);
  CHECK(moment("90s") == k_this_moment - 90);
  CHECK(moment("90m") == k_this_moment - 5'400);
  CHECK(moment("24h") == k_this_moment - 86'400);
  CHECK(moment("7d") == k_this_moment - 7 * 86'400);
}

TEST_CASE("another text is no moment, and the error names the option") {
  for (const std::string text : {"", "d", "@", "7", "7w", "-7d", "+7d", "7 d", "7d ", "@-1", "@1.5", "@999999999999", "40000001d",
                                 "99999999999999999999d", "2026-11", "2026-13-01", "2026-11-24T06:30:00", "2026-11-24T24:00:00Z",
                                 "yesterday", "\xd9\xa7" "d"}) {
    CAPTURE(text);
    try {
      static_cast<void>(moment(text));
      FAIL("it was taken");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::usage);
      CHECK(error.where() == "--since");
    }
  }
}

TEST_CASE("digits alone are one at least and nothing else") {
  for (const auto* const text : {"0", "0123456789", "007"}) CHECK(is_all_digits(text));
  for (const auto* const text : {"", " 1", "1 ", "-1", "1.0", "1a", "\xd9\xa1", "x"}) CHECK_FALSE(is_all_digits(text));
}

}  // namespace
}  // namespace goldseal
