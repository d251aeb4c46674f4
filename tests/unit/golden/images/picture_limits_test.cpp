// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/images/jpeg.hpp>
#include <goldseal/golden/images/png.hpp>

#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/messages/error.hpp>

#include <catch.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace goldseal::golden {
namespace {

std::string corpus(const std::string& name) {
  std::ifstream file(std::filesystem::path(GOLDSEAL_FUZZ_CORPUS) / name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST_CASE("A20: a picture's header that promises more than its file can hold is refused before memory is taken") {
  const auto refused = [](auto decode, const std::string& bytes) {
    try {
      static_cast<void>(decode("p", as_bytes(bytes)));
    } catch (const Error& error) {
      return error.kind() == ErrorKind::malformed ? error.message() : std::string();
    }
    return std::string();
  };
  CHECK(refused(decode_png, corpus("png/A20_promises_3_gib")).find("at most 268435456 pixels") != std::string::npos);
  CHECK(refused(decode_jpeg, corpus("jpeg/A20_promises_3_gib")).find("at most 268435456 pixels") != std::string::npos);
  // 16384 x 16384 is within the bound, and 768 MiB.
  auto png = corpus("png/A20_promises_3_gib");
  png[18] = png[22] = '\x40';
  CHECK_FALSE(refused(decode_png, png).empty());
  auto jpeg = corpus("jpeg/A20_promises_3_gib");
  const auto sizes = jpeg.find(std::string("\x80\x00\x80\x00", 4));
  REQUIRE(sizes != std::string::npos);
  jpeg[sizes] = jpeg[sizes + 2] = '\x40';
  CHECK(refused(decode_jpeg, jpeg).find("expected a file of at least") != std::string::npos);
}

TEST_CASE("pictures of every kind that libraries write are read as before") {
  for (const auto* const name : {"png/sample", "png/palette", "png/grey"}) {
    INFO(name);
    CHECK(decode_png(name, as_bytes(corpus(name))).width == 9);
  }
  for (const auto* const name : {"jpeg/sample", "jpeg/progressive", "jpeg/grey"}) {
    INFO(name);
    CHECK(decode_jpeg(name, as_bytes(corpus(name))).height == 7);
  }
}

}  // namespace
}  // namespace goldseal::golden
