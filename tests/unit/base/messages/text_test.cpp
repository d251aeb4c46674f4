// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/base/messages/utc.hpp>

#include <catch.hpp>

#include <cstdlib>

namespace goldseal {
namespace {

TEST_CASE("text from files cannot steer a terminal") {
  CHECK(escape_unprintable("a\x1b[31mb\n") == "a\\x1b[31mb\\x0a");
  CHECK(escape_unprintable("\xff\xc0\x80") == "\\xff\\xc0\\x80");
  CHECK(escape_unprintable("grün λ 😀") == "grün λ 😀");
  CHECK(escape_unprintable("a\xe2\x80\xae"
                           "b") ==
        "a\\xe2\\x80\\xae"
        "b");
  CHECK(escape_unprintable("\xc2\x9b") == "\\xc2\\x9b");
}

TEST_CASE("UTF-8 is told from what only looks like it") {
  CHECK(is_utf8("λ"));
  CHECK_FALSE(is_utf8("\xed\xa0\x80"));
  CHECK_FALSE(is_utf8("\xf5\x80\x80\x80"));
  CHECK_FALSE(is_utf8("\xe2\x82"));
}

TEST_CASE("numbers read as people write them") {
  CHECK(format_bytes(1023) == "1023 bytes");
  CHECK(format_bytes(248'007'048) == "236.5 MiB");
  CHECK(format_count(61'949'149) == "61,949,149");
  CHECK(format_count(999) == "999");
}

TEST_CASE("a slip of the hand finds the word that was meant") {
  const std::vector<std::string> verbs{"capture", "check", "verify"};
  CHECK(did_you_mean("chek", verbs) == "check");
  CHECK_FALSE(did_you_mean("zzzzz", verbs));
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("jsno", "json") == 1);
  CHECK(edit_distance("", "ab") == 2);
}

TEST_CASE("A4: SOURCE_DATE_EPOCH is when a seal was made, and never what day it is") {
  const auto today = utc_today();
  ::setenv("SOURCE_DATE_EPOCH", "0", 1);
  CHECK(utc_of_creation() == "1970-01-01T00:00:00Z");
  CHECK(utc_today() >= today);
  CHECK(utc_now().substr(0, 10) >= today);
  for (const auto* const nonsense : {"", "tomorrow", "-1", "99999999999999999999", "253402300800"}) {
    ::setenv("SOURCE_DATE_EPOCH", nonsense, 1);
    CHECK(utc_of_creation().substr(0, 10) >= today);
  }
  ::unsetenv("SOURCE_DATE_EPOCH");
}

TEST_CASE("faults 13: a text without measure is told by its beginning, its end and its length") {
  const std::string text(50'000'000, 'x');
  CHECK(bounded("short") == "short");
  CHECK(bounded(text).size() < k_longest_text);
  CHECK_THAT(bounded(text), Catch::Contains("50,000,000 bytes"));
  CHECK(escape_unprintable(text).size() < k_longest_text);
  std::string umlauts;
  for (int i = 0; i < 9999; ++i) umlauts += "\xc3\xa4";
  for (const std::size_t limit : {100U, 101U, 102U, 103U}) CHECK(is_utf8(bounded(umlauts, limit)));
  CHECK(std::string(Error(ErrorKind::io, text, text, text).what()).size() < 3 * k_longest_text);
}

TEST_CASE("A5: bytes that are not UTF-8 become text, and UTF-8 stays") {
  CHECK(to_utf8("caf\xc3\xa9\x01") == "caf\xc3\xa9\x01");
  CHECK(to_utf8("caf\xe9!\xff") == "caf\\xe9!\\xff");
}

}  // namespace
}  // namespace goldseal
