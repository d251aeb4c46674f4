// SPDX-License-Identifier: Apache-2.0
// The published test data of OpenSSF Model Signing and of its reference implementation (vectors/README.md).
#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/signing/model_statement.hpp>
#include <goldseal/signing/signers.hpp>

#include <catch.hpp>

#include <filesystem>
#include <string>

using namespace goldseal;           // NOLINT: a test file
using namespace goldseal::signing;  // NOLINT: a test file
namespace fs = std::filesystem;

namespace {

const fs::path k_vectors = GOLDSEAL_VECTORS;

Signers signers() {
  const std::vector<std::string> files{(k_vectors / "signing-key-pub.pem").string(), (k_vectors / "ca-cert.pem").string()};
  return load_signers(files, {"*"});
}

ModelStatement judged(const std::string& name, const Signers& whose) {
  const auto bundle = read_bundle(read_text_file(k_vectors / (name + ".json"), k_max_bundle_bytes), name);
  static_cast<void>(require_signer(bundle, whose, name));
  return read_model_statement(bundle.envelope.payload, name);
}

std::pair<ErrorKind, std::string> refusal(const std::string& name, const Signers& whose) {
  try {
    static_cast<void>(judged(name, whose));
  } catch (const Error& error) {
    return {error.kind(), error.message()};
  }
  return {ErrorKind::interrupted, "taken"};
}

bool says(const std::string& message, std::string_view words) { return message.find(words) != std::string::npos; }

}  // namespace

TEST_CASE("bundles that the reference wrote with a key are verified, old ones with the key in them too") {
  const auto [name, files] = GENERATE(std::pair("spec-key", 2), std::pair("reference-v1.1.0-elliptic-key", 2),
                                      std::pair("reference-v1.0.1-elliptic-key", 2),
                                      std::pair("reference-v1.0.0-elliptic-key", 1),
                                      std::pair("reference-v0.3.1-elliptic-key", 1));
  CAPTURE(name);
  const auto statement = judged(name, signers());
  CHECK(statement.resources.size() == static_cast<std::size_t>(files));
  CHECK(statement.hash == "sha256");
}

TEST_CASE("bundles that the reference wrote with a certificate are verified against its authority") {
  const auto* const name = GENERATE("spec-certificate", "reference-v1.1.0-certificate", "reference-v1.0.1-certificate",
                                    "reference-v1.0.0-certificate", "reference-v0.3.1-certificate");
  CAPTURE(name);
  auto authority = load_signers(std::vector<std::string>{(k_vectors / "ca-cert.pem").string()}, {"*"});
  CHECK_FALSE(judged(name, authority).resources.empty());
  authority.identities = {"somebody else"};
  CHECK(says(refusal(name, authority).second, "expected a signer named somebody else, found intermediate-ca"));
  authority.identities.clear();
  CHECK(refusal(name, authority).first == ErrorKind::usage);
}

TEST_CASE("a keyless bundle is named as one, with its signer") {
  const auto* const name = GENERATE("spec-sigstore", "reference-v1.1.0-sigstore");
  const auto [kind, message] = refusal(name, signers());
  CHECK(kind == ErrorKind::unsupported);
  CHECK(says(message, "found a keyless one by stefanb@us.ibm.com"));
}

TEST_CASE("a bundle of version 0.2 is named and refused") {
  const auto [kind, message] = refusal("reference-v0.2.0-certificate", signers());
  CHECK(kind == ErrorKind::unsupported);
  CHECK(says(message, "found version 0.2"));
}

TEST_CASE("each invalid bundle of the specification is refused by what it lacks") {
  CHECK(says(refusal("spec-empty", signers()).second, "not JSON"));
  CHECK(says(refusal("spec-missing-envelope", signers()).second, "expected dsseEnvelope, found none"));
  CHECK(says(refusal("spec-missing-tlog-entries", signers()).second, "expected verificationMaterial.tlogEntries, found none"));
  CHECK(says(refusal("spec-missing-verification-material", signers()).second, "expected verificationMaterial, found none"));
  // Its signature is that of another statement; the predicate comes to light only behind a good one.
  CHECK(refusal("spec-wrong-predicate", signers()).second != "taken");
}

TEST_CASE("a bundle is nobody's whose key was not named") {
  const Signers other = load_signers(std::vector<std::string>{(k_vectors / "ca-cert.pem").string()}, {"*"});
  CHECK(says(refusal("spec-key", other).second, "found one by another"));
}
