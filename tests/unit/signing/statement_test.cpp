// SPDX-License-Identifier: Apache-2.0
// Kinds of statements that a good signature may stand over and that are refused all the same: names that lead elsewhere or
// stand twice, roots and digests that do not fit, other predicates, other hashes.
#include <goldseal/base/messages/error.hpp>
#include <goldseal/signing/model_statement.hpp>
#include <goldseal/signing/resource_name.hpp>

#include <catch.hpp>
#include <nlohmann/json.hpp>

#include <string>

using namespace goldseal;           // NOLINT: a test file
using namespace goldseal::signing;  // NOLINT: a test file
using nlohmann::json;

namespace {

Resource resource(std::string name, std::uint8_t fill = 7) { return {std::move(name), std::vector<std::uint8_t>(32, fill)}; }

ModelStatement statement(std::vector<std::string> names) {
  ModelStatement result;
  result.subject = "net.seal";
  for (auto& name : names) result.resources.push_back(resource(std::move(name)));
  return result;
}

std::string refusal(const json& document) {
  try {
    static_cast<void>(read_model_statement(document.dump(), "model.sig"));
  } catch (const Error& error) {
    CHECK((error.kind() == ErrorKind::malformed || error.kind() == ErrorKind::unsupported));
    return error.message();
  }
  return "taken";
}

std::string named(std::string name) { return refusal(json::parse(write_model_statement(statement({"a", std::move(name)})))); }

std::string with(const std::string& pointer, const json& value) {
  auto document = json::parse(write_model_statement(statement({"a", "b"})));
  document[json::json_pointer(pointer)] = value;
  return refusal(document);
}

bool says(const std::string& message, std::string_view words) {
  INFO(message);
  CHECK(message.find(words) != std::string::npos);
  return true;
}

}  // namespace

TEST_CASE("a statement that is written is read back, and the same one gives the same bytes") {
  auto written = statement({"a", "b/c"});
  written.ignored = {".git", "model.sig"};
  const auto text = write_model_statement(written);
  CHECK(text == write_model_statement(written));
  const auto read = read_model_statement(text, "");
  CHECK(read.subject == "net.seal");
  CHECK(read.ignored == written.ignored);
  REQUIRE(read.resources.size() == 2);
  CHECK(read.resources[1].name == "b/c");
  CHECK(root_of(read) == root_of(written));
}

TEST_CASE("names that lead elsewhere, or that readers take differently, are refused, each with its reason") {
  says(named("/etc/passwd"), "it is absolute");
  says(named("../x"), "leads out of the model");
  says(named("x/../../y"), "leads out of the model");
  says(named("x\\y"), "backslash");
  says(named("x//y"), "shortest form");
  says(named("./x"), "shortest form");
  says(named("x/"), "shortest form");
  says(named(""), "empty");
  says(named(std::string("x\0y", 3)), "control characters");
  says(named("x\ny"), "control characters");
  says(named("a"), "stands twice");
  CHECK(named("..x") == "taken");
  CHECK(named("x..y/...") == "taken");
  CHECK(named("naïve.bin") == "taken");
}

TEST_CASE("a statement that does not fit together, or says something else, is refused") {
  says(with("/_type", "https://in-toto.io/Statement/v0.1"), "_type: expected");
  says(with("/predicateType", "https://model_signing/Digests/v0.1"), "version 0.2");
  says(with("/predicateType", "https://in-toto.io/attestation/test-result/v0.1"), "a model's signature");
  says(with("/subject/0/digest/sha256", std::string(64, 'a')), "expected the digest over the resources");
  says(with("/subject", json::array()), "expected one, found 0");
  says(with("/subject", json::array({json::object(), json::object()})), "expected one, found 2");
  says(with("/predicate/resources", json::array()), "at least one file");
  says(with("/predicate/resources/0/digest", std::string(64, 'A')), "lower-case");
  says(with("/predicate/resources/0/digest", "00"), "64 lower-case");
  says(with("/predicate/resources/0/algorithm", "sha1"), "expected sha256");
  says(with("/predicate/resources/0", 7), "expected an object");
  says(with("/predicate/serialization/hash_type", "blake2b"), "expected sha256, found blake2b");
  says(with("/predicate/serialization/method", "tar"), "expected files or shards");
  says(with("/predicate/serialization/allow_symlinks", "no"), "expected true or false");
  says(with("/predicate/serialization/ignore_paths", json::array({1})), "list of texts");
  CHECK(with("/predicate/resources/0/media_type", "x") == "taken");  // in-toto: consumers ignore what they do not know
}

TEST_CASE("shards are read as the specification and as the reference writes them, the path from the right") {
  const auto* const algorithm = GENERATE("sha256", "sha256-sharded-1000000000");
  auto document = json::parse(write_model_statement(statement({"a:b:0:5", "a:b:5:9"})));
  document["predicate"]["serialization"]["method"] = "shards";
  for (auto& each : document["predicate"]["resources"]) each["algorithm"] = algorithm;
  const auto read = read_model_statement(document.dump(), "");
  REQUIRE(read.resources.size() == 2);
  CHECK(read.resources[1].name == "a:b");
  REQUIRE(read.resources[1].shard);
  CHECK(read.resources[1].shard->begin == 5);
  CHECK(read.resources[1].shard->end == 9);
  document["predicate"]["resources"][0]["name"] = "a:b:5:2";
  says(refusal(document), "PATH:BEGIN:END");
}

TEST_CASE("an entry of what is left out covers its own path and what lies below, and nothing like it") {
  const std::vector<std::string> entries{"cache"};
  CHECK(is_ignored("cache", entries));
  CHECK(is_ignored("cache/x", entries));
  CHECK_FALSE(is_ignored("cached", entries));
  CHECK_FALSE(is_ignored("sub/cache", entries));
  CHECK(is_ignored(".git/HEAD", {}));
  CHECK_FALSE(is_ignored("sub/.git", {}));
}
