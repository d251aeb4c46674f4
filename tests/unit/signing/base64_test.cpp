// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/bytes/base64.hpp>
#include <goldseal/base/messages/error.hpp>

#include <catch.hpp>

#include <string>

using namespace goldseal;  // NOLINT: a test file

namespace {

std::string refusal(std::string_view text) {
  try {
    static_cast<void>(decode_base64(text, "sig"));
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::malformed);
    CHECK(error.where() == "sig");
    return error.message();
  }
  return "taken";
}

}  // namespace

TEST_CASE("base64 of every length and every byte is read back") {
  std::vector<std::uint8_t> bytes;
  for (int length = 0; length < 300; ++length) {
    CHECK(decode_base64(base64(bytes), "") == bytes);
    bytes.push_back(static_cast<std::uint8_t>(length * 37));
  }
}

TEST_CASE("base64 that readers take differently is refused, each kind with its own message") {
  CHECK(refusal("_-8=").find("alphabet") != std::string::npos);
  CHECK(refusal("_-8").find("alphabet") != std::string::npos);  // as URLs have it, without padding
  CHECK(refusal("QUJD\nRA==").find("'\\x0a' at character 4") != std::string::npos);
  CHECK(refusal("QU D").find("' ' at character 2") != std::string::npos);
  CHECK(refusal("QUJDRA").find("padding") != std::string::npos);
  CHECK(refusal("QUJDRA=").find("padding") != std::string::npos);
  CHECK(refusal("QQ==QQ==").find("'=' at character 2") != std::string::npos);
  CHECK(refusal("Q===").find("'=' at character 1") != std::string::npos);
  CHECK(refusal("====") != "taken");
  CHECK(refusal("QR==").find("last bits") != std::string::npos);
  CHECK(refusal("QUJDé").find("at character 4") != std::string::npos);
  CHECK(refusal("") == "taken");
}
