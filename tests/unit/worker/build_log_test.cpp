// SPDX-License-Identifier: Apache-2.0
#include <goldseal/worker/build_log.hpp>

#include <catch.hpp>

namespace goldseal {
namespace {

TEST_CASE("how far a build is shows in the last line that says so, of make and of ninja") {
  CHECK(build_percent("") == 0);
  CHECK(build_percent("-- The CXX compiler identification is GNU 12.2.0\n") == 0);
  CHECK(build_percent("[  3%] Building CXX object a.o\n[ 42%] Building CXX object b.o\n") == 42);
  CHECK(build_percent("[7/28] Building CXX object a.o\nnote: x\n") == 25);
  CHECK(build_percent("[x/28] y\n[1/0] z\n[] w\n[900%] v\n") == 100);
}

TEST_CASE("of a failed build the first errors are told, then the end") {
  std::string log = "a.cpp:3:1: error: 'x' was not declared\n";
  for (int i = 0; i < 40; ++i) log += "noise " + std::to_string(i) + "\n\n";
  log += "make: *** [Makefile:91: all] Error 2\n";
  const auto words = last_words(log);
  CHECK(words.starts_with("  a.cpp:3:1: error: 'x' was not declared\n  noise 29\n"));
  CHECK(words.ends_with("make: *** [Makefile:91: all] Error 2"));
  CHECK(last_words("\n\n") == "  nothing");
  CHECK(last_words("CMake Error at x:1\n") == "  CMake Error at x:1");
  CHECK(last_words("red \x1b[31m error\n").find('\x1b') == std::string::npos);
}

}  // namespace
}  // namespace goldseal
