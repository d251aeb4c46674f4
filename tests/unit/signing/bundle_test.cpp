// SPDX-License-Identifier: Apache-2.0
// Kinds of hostile bundles that no signature is needed for: members that are missing, of another kind, there twice or
// unknown; another version or method; several signatures; base64 that readers take differently; wrong hints.
#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/signing/signers.hpp>

#include <catch.hpp>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <set>
#include <string>

using namespace goldseal;           // NOLINT: a test file
using namespace goldseal::signing;  // NOLINT: a test file
using nlohmann::json;

namespace {

const std::filesystem::path k_vectors = GOLDSEAL_VECTORS;

json sample(const std::string& name = "spec-key") {
  return json::parse(read_text_file(k_vectors / (name + ".json"), k_max_bundle_bytes));
}

Signers signer() { return load_signers(std::vector<std::string>{(k_vectors / "signing-key-pub.pem").string()}, {}); }

std::string refusal(const std::string& text) {
  try {
    static_cast<void>(require_signer(read_bundle(text, "model.sig"), signer(), "model.sig"));
  } catch (const Error& error) {
    CHECK((error.kind() == ErrorKind::malformed || error.kind() == ErrorKind::unsupported));
    CHECK_FALSE(error.remedy().empty());
    return error.message();
  }
  return "taken";
}

std::string with(const std::string& pointer, const json& value) {
  auto bundle = sample();
  bundle[json::json_pointer(pointer)] = value;
  return refusal(bundle.dump());
}

std::string without(const std::string& pointer) {
  const auto bundle = sample();
  return refusal(bundle.patch({{{"op", "remove"}, {"path", pointer}}}).dump());
}

bool says(const std::string& message, std::string_view words) {
  INFO(message);
  INFO(words);
  const bool found = message.find(words) != std::string::npos;
  CHECK(found);
  return found;
}

}  // namespace

TEST_CASE("the sample that the hostile ones are made from is taken") { CHECK(refusal(sample().dump()) == "taken"); }

TEST_CASE("every hostile bundle is refused, each kind with its own message") {
  const std::string e = "/dsseEnvelope";
  const std::string m = "/verificationMaterial";
  std::set<std::string> messages;
  const auto refused = [&](const std::string& message, std::string_view words) {
    says(message, words);
    CHECK(messages.insert(message).second);
  };
  refused(refusal("[]"), "expected the bundle as a JSON object");
  refused(refusal("{"), "not JSON");
  refused(refusal(std::string(R"({"mediaType":1,"mediaType":2})")), "stands twice");
  refused(with("/note", 1), "the bundle has a member that the format does not know: note");
  refused(with(m + "/note", 1), "verificationMaterial has a member that the format does not know");
  refused(with(e + "/note", 1), "dsseEnvelope has a member that the format does not know");
  refused(with(e + "/signatures/0/note", 1), "signatures[0] has a member that the format does not know");
  refused(with("/mediaType", "application/vnd.dev.sigstore.bundle+json;version=0.1"), "found another version");
  refused(with("/mediaType", "text/plain"), "mediaType: expected");
  refused(with("/messageSignature", json::object()), "found a messageSignature");
  refused(with(m + "/x509CertificateChain", json::object()), "found several");
  refused(without(m + "/publicKey"), "found none");
  refused(with(m + "/publicKey", "x"), "verificationMaterial.publicKey: expected an object");
  refused(with(m + "/publicKey/hint", "E8"), "hint: expected the SHA-256 of a key");
  refused(with(m + "/publicKey/hint", std::string(64, '0')), "the bundle's hint is wrong");
  refused(with(m + "/publicKey/rawBytes", "QUJD"), "rawBytes: expected one public key");
  refused(with(e + "/payloadType", "text/plain"), "payloadType: expected application/vnd.in-toto+json");
  refused(with(e + "/payload", "e30="), "the signature is broken");
  refused(with(e + "/payload", "e30"), "padding");
  refused(with(e + "/payload", "_-8="), "that of URLs");
  refused(with(e + "/payload", "e3\n="), "at character 2");
  refused(with(e + "/signatures", json::array()), "expected one signature, found 0");
  const auto one = sample().at("dsseEnvelope").at("signatures").at(0);
  refused(with(e + "/signatures", json::array({one, one})), "expected one signature, found 2");
  refused(with(e + "/signatures/0/sig", ""), "expected a signature, found none");
  refused(with(e + "/signatures/0/keyid", 7), "keyid: expected text");
  refused(refusal(std::string(100, '[') + std::string(100, ']')), "nested at most");
}

TEST_CASE("a key id is no one's word: absent, empty, null and any text are taken") {
  const auto* const path = "/dsseEnvelope/signatures/0/keyid";
  CHECK(without(path) == "taken");
  CHECK(with(path, nullptr) == "taken");
  CHECK(with(path, "whoever") == "taken");
}

TEST_CASE("a bundle without a hint is judged by each of the keys") {
  CHECK(without("/verificationMaterial/publicKey/hint") == "taken");
  CHECK(with("/verificationMaterial/publicKey/hint", "") == "taken");
}

TEST_CASE("every bit of the signature and of the statement counts") {
  auto bundle = read_bundle(sample().dump(), "model.sig");
  const auto whose = signer();
  const auto broken = [&] {
    try {
      static_cast<void>(require_signer(bundle, whose, "model.sig"));
      return false;
    } catch (const Error&) {
      return true;
    }
  };
  for (auto& byte : bundle.envelope.signature) {
    byte ^= 4U;
    CHECK(broken());
    byte ^= 4U;
  }
  for (std::size_t at = 0; at < bundle.envelope.payload.size(); at += 41) {
    bundle.envelope.payload[at] ^= 1;
    CHECK(broken());
    bundle.envelope.payload[at] ^= 1;
  }
  CHECK_FALSE(broken());
}

TEST_CASE("what is written is read back, and a chain too") {
  const auto* const name = GENERATE("spec-key", "spec-certificate");
  const auto bundle = read_bundle(sample(name).dump(), name);
  const auto again = read_bundle(write_bundle(bundle), name);
  CHECK(again.envelope.payload == bundle.envelope.payload);
  CHECK(again.envelope.signature == bundle.envelope.signature);
  CHECK(again.hint == bundle.hint);
  CHECK(again.chain.size() == bundle.chain.size());
}

TEST_CASE("a signature is taken as DER, as a token gives it, and as base64 of either") {
  const auto bundle = read_bundle(sample().dump(), "model.sig");
  const std::string der(bundle.envelope.signature.begin(), bundle.envelope.signature.end());
  CHECK(as_der_signature(der, 48, "s") == bundle.envelope.signature);
  const auto encoded = json::parse(write_bundle(bundle)).at("dsseEnvelope").at("signatures").at(0).at("sig").get<std::string>();
  CHECK(as_der_signature(encoded + "\n", 48, "s") == bundle.envelope.signature);
  CHECK(as_der_signature(std::string(96, '\1'), 48, "s").front() == 0x30);
  CHECK_THROWS_AS(as_der_signature(der + "x", 48, "s"), Error);
  CHECK_THROWS_AS(as_der_signature("", 48, "s"), Error);
}
