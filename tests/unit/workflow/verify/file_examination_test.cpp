// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"

#include <goldseal/base/messages/error.hpp>
#include <goldseal/workflow/verify/file_examination.hpp>

#include <optional>
#include <string>

using namespace goldseal;

namespace {

OpenSeal with_embedded(Builder builder) {
  OpenSeal seal;
  seal.path = "/nowhere/model.seal";
  auto& sealed = seal.manifest;
  sealed.model.builder = builder;
  sealed.model.source = "../model";
  sealed.model.files.push_back({FileRole::embedded, "architecture.bin", 3, sha256("net"), std::nullopt});
  return seal;
}

JudgeRequest of_seal() {
  JudgeRequest request;
  request.seal = "/nowhere/model.seal";
  return request;
}

}  // namespace

TEST_CASE("A file of the seal is never loaded as native code, whatever form the manifest states") {
  for (const auto form : {Builder::plugin, Builder::aoti, Builder::python, Builder::program}) {
    const auto seal = with_embedded(form);
    try {
      const auto files = examine_files(of_seal(), seal);
      FAIL("accepted " << to_string(form));
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::malformed);
      CHECK(error.message() ==
            "model.builder: expected of a seal with an embedded file darknet, torchscript, export, found " +
                std::string(to_string(form)));
      CHECK(error.where() == "/nowhere/model.seal/manifest.toml");
      CHECK_FALSE(error.remedy().empty());
    }
    // A program is held to the same: the manifest may have been made by other means than by reading a file.
    auto program = with_embedded(Builder::python);
    program.manifest.model.embedded = EmbeddedProgram{form, {}};
    CHECK_THROWS_AS(examine_files(of_seal(), program), Error);
  }
}

TEST_CASE("A file of the seal is built in the forms that are interpreted") {
  for (const auto form : {Builder::darknet, Builder::torchscript, Builder::exported}) {
    const auto files = examine_files(of_seal(), with_embedded(form));
    CHECK(files.from_seal);
    CHECK(files.model.builder == form);
    CHECK(files.model.source == "/nowhere/model.seal/architecture.bin");
  }
}
