// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"

#include <goldseal/base/error.hpp>
#include <goldseal/workflow/verify/file_examination.hpp>

#include <optional>
#include <string>

using namespace goldseal;

namespace {

Observation with_embedded(Builder builder) {
  Observation observed;
  observed.sealed.model.builder = builder;
  observed.sealed.model.source = "../model";
  observed.sealed.model.files.push_back({FileRole::embedded, "architecture.bin", 3, sha256("net"), std::nullopt});
  return observed;
}

JudgeRequest of_seal() {
  JudgeRequest request;
  request.seal = "/nowhere/model.seal";
  return request;
}

OpenSeal seal_of(const Observation& observed) {
  OpenSeal seal;
  seal.path = of_seal().seal;
  seal.manifest = observed.sealed;
  return seal;
}

}  // namespace

TEST_CASE("A file of the seal is never loaded as native code, whatever form the manifest states") {
  for (const auto form : {Builder::plugin, Builder::aoti, Builder::python, Builder::program}) {
    auto observed = with_embedded(form);
    try {
      const auto seal = seal_of(observed);
      const FileExamination files(of_seal(), seal, observed);
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
    program.sealed.model.embedded = EmbeddedProgram{form, {}};
    const auto seal = seal_of(program);
    CHECK_THROWS_AS(FileExamination(of_seal(), seal, program), Error);
  }
}

TEST_CASE("A file of the seal is built in the forms that are interpreted") {
  for (const auto form : {Builder::darknet, Builder::torchscript, Builder::exported}) {
    auto observed = with_embedded(form);
    const auto seal = seal_of(observed);
    const FileExamination files(of_seal(), seal, observed);
    CHECK(files.builds_from_seal());
    CHECK(files.model().builder == form);
    CHECK(files.model().source == "/nowhere/model.seal/architecture.bin");
  }
}
