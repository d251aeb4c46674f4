// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/bytes/bounded_json.hpp>

#include <goldseal/base/messages/error.hpp>

#include <catch.hpp>

#include <string>

namespace goldseal {
namespace {

std::string refusal(const std::string& text, const JsonLimits& limits = {}) {
  std::string message;
  for (const bool building : {true, false}) {
    try {
      if (building)
        static_cast<void>(parse_json(text, "w", limits));
      else
        check_json(text, "w", limits);
      return "";
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::malformed);
      message = error.message();
      CHECK(message.size() < 400);
    }
  }
  return message;
}

TEST_CASE("A7: JSON of any depth, length, and with names that stand twice is refused by both ways of reading") {
  CHECK(refusal(std::string(100'000, '[')).find("at most 64 deep") != std::string::npos);
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  CHECK(refusal(objects).find("at most 64 deep") != std::string::npos);
  CHECK(refusal("[[[1]]]", {100, 2}).find("at most 2 deep") != std::string::npos);
  CHECK(refusal(std::string(200, ' ') + "1", {100, 2}).find("at most 100") != std::string::npos);
  CHECK(refusal(R"({"a":1,"b":{"c":2,"c":3}})").find("'c' stands twice") != std::string::npos);
  CHECK(refusal(R"({"a":1,"\u0061":2})").find("stands twice") != std::string::npos);
  for (const auto* const broken : {"", "{", "[1,]", "nul", "\"\xff\"", "1 2", "{\"a\"}", "1e999"}) {
    INFO(broken);
    CHECK_FALSE(refusal(broken).empty());
  }
  CHECK(refusal("{\"" + std::string(1'000'000, 'x') + "\":1,\"" + std::string(1'000'000, 'x') + "\":2}").size() < 400);
}

TEST_CASE("JSON within the limits is read as it is") {
  const auto document = parse_json(R"({"a":[1,{"b":null}],"c":{"a":2}})", "w");
  CHECK(document.at("a").at(1).at("b").is_null());
  CHECK(document.at("c").at("a") == 2);
  CHECK_NOTHROW(check_json(R"({"a":[1,{"b":null}],"c":{"a":2}})", "w"));
}

}  // namespace
}  // namespace goldseal
