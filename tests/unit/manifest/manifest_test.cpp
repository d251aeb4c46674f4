// SPDX-License-Identifier: Apache-2.0
#include <goldseal/manifest/manifest.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/manifest/self_digest.hpp>

#include <fmt/format.h>
#include <catch.hpp>

#include <limits>
#include <optional>
#include <string>
#include <utility>

namespace goldseal {
namespace {

Manifest sample() {
  Manifest manifest;
  manifest.created = "2026-01-02T03:04:05Z";
  manifest.goldseal = "0.1.0";
  manifest.golden_sha256 = sha256("golden");
  auto& model = manifest.model;
  model.builder = Builder::darknet;
  model.source = "../yolo \"v3\".cfg";
  model.options = {{"width", "416"}};
  model.container = Container::Kind::torch_zip;
  model.entry = "model";
  model.removed_segments = {"module", "_orig_mod"};
  model.locations = {"cuda:0", "cuda:2"};
  model.files = {{FileRole::checkpoint, "../yolov3.pth", 1234, sha256("file"), sha256("frame")},
                 {FileRole::architecture, "../yolov3.cfg", 12, sha256("cfg"), std::nullopt}};
  model.tensors = {{"a.weight", DType::float32, {2, 3}, sha256("a"), ""},
                   {"b.\n\x01weight", DType::bfloat16, {}, sha256("b"), "a.weight"}};
  model.configuration = {{"module_list.0.batch_norm_0.eps", "1e-05"}};
  model.choices = {{"act", "function torch.nn.functional.gelu"}, {"net:MODE", "\"a \\ b\""}, {"os.environ.X", "(not set)"}};
  manifest.environment.set("torch.version", std::string("2.13.0"), "worker");
  manifest.environment.set("gpu.0.name", std::string("A"), "");
  manifest.environment.set("gpu.1.name", std::string("B"), "");
  manifest.environment.set("library.libtorch_cpu.path", std::string("lib/x"), "maps");
  GoldenCase golden{"default",
                    {{"image", DType::float32, {1, 3, 4, 4}, "random:1x3x4x4,seed=7"}},
                    {{"output", DType::float32, {1, 8}, ""}},
                    {{"output", 1.25e-7, 4.0, 0.1, 1.0, true, false, 8}},
                    false,
                    8,
                    {1, 2, 3},
                    0,
                    {},
                    {},
                    Device()};
  golden.detections = {{{"boxes", "scores"}, {3, 17}, 2, false}};
  manifest.golden = {golden};
  return manifest;
}

std::string sealed(const std::string& replace, const std::string& by) {
  auto text = write_manifest(sample());
  const auto at = text.find(replace);
  REQUIRE(at != std::string::npos);
  return text.replace(at, replace.size(), by);
}

// As whoever makes a seal would write it: edited, with a digest of the edited text.
std::string with_right_digest(const std::string& text) {
  const auto begin = text.find("\ndigest = ") + 1;
  return with_self_digest(text.substr(0, begin) + std::string(k_empty_digest_line) +
                          text.substr(text.find('\n', begin)));
}

std::optional<ErrorKind> kind_of_refusal(const std::string& text) {
  try {
    static_cast<void>(read_manifest(text, "m"));
    return std::nullopt;
  } catch (const Error& error) {
    return error.kind();
  }
}

TEST_CASE("a manifest reads back as it was written") {
  const auto text = write_manifest(sample());
  const auto read = read_manifest(text, "m");
  CHECK(write_manifest(read) == text);
  CHECK(read.unknown_keys.empty());
  CHECK(read.model.tensors == sample().model.tensors);
  CHECK(read.model.locations == sample().model.locations);
  CHECK(read.environment == sample().environment);
  CHECK(read.golden.at(0).noise.at(0).response_rms == 1.25e-7);
  CHECK(read.golden.at(0).noise.at(0).bits == 8);
  CHECK(read.golden.at(0).detections.at(0).unsettled == std::vector<std::int64_t>{3, 17});
  CHECK(read.golden.at(0).detections.at(0).others == 2);
}

TEST_CASE("a tensor takes one line, so that two seals can be compared line by line") {
  CHECK(write_manifest(sample()).find("  { name = \"a.weight\", dtype = \"float32\", shape = [2, 3], sha256 = \"") !=
        std::string::npos);
}

TEST_CASE("a changed character anywhere is noticed") {
  const auto text = write_manifest(sample());
  for (std::size_t i = 0; i < text.size(); i += 7) {
    auto changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    CHECK_THROWS_AS(read_manifest(changed, "m"), Error);
  }
}

TEST_CASE("a manifest cut at the end of any line is noticed") {
  const auto text = write_manifest(sample());
  for (auto end = text.find('\n'); end + 1 < text.size(); end = text.find('\n', end + 1)) {
    CHECK_THROWS_AS(read_manifest(text.substr(0, end + 1), "m"), Error);
  }
}

TEST_CASE("a newer format is refused with the version that wrote it") {
  try {
    static_cast<void>(read_manifest(sealed("format = 2", "format = 3"), "m"));
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::unsupported);
    CHECK(error.remedy().find("0.1.0") != std::string::npos);
  }
}

TEST_CASE("a format that no goldseal writes asks for no newer one") {
  for (const auto* const format : {"format = 0", "format = -1"}) {
    try {
      static_cast<void>(read_manifest(sealed("format = 2", format), "m"));
      FAIL("accepted");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::unsupported);
      CHECK(error.remedy().find("newer") == std::string::npos);
      CHECK(error.remedy().find("take the seal from its source again") != std::string::npos);
    }
  }
}

TEST_CASE("a member of the wrong type is named with its line") {
  try {
    static_cast<void>(read_manifest(sealed("container = \"torch-zip\"", "container = 3"), "m"));
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.message() == "model.container: expected a string, found integer");
    CHECK(error.where().starts_with("m:"));
  }
}

TEST_CASE("an embedded file lies in the seal itself: a path that leads elsewhere is refused") {
  auto manifest = sample();
  manifest.model.files.push_back({FileRole::embedded, "architecture.cfg", 3, sha256("cfg"), std::nullopt});
  CHECK(read_manifest(write_manifest(manifest), "m").model.files.back().path == "architecture.cfg");
  manifest.model.files.back().path = "../architecture.cfg";
  CHECK_THROWS_AS(read_manifest(write_manifest(manifest), "m"), Error);
}

TEST_CASE("the form of an embedded program stands beside that of the code") {
  auto manifest = sample();
  CHECK_FALSE(read_manifest(write_manifest(manifest), "m").model.embedded);
  manifest.model.embedded = EmbeddedProgram{Builder::torchscript, {{"non_persistent", "table,a.b"}}};
  const auto read = read_manifest(write_manifest(manifest), "m");
  REQUIRE(read.model.embedded);
  CHECK(read.model.embedded->builder == Builder::torchscript);
  CHECK(read.model.embedded->options == manifest.model.embedded->options);
  CHECK(read.model.builder == manifest.model.builder);
  CHECK(read.unknown_keys.empty());
}

TEST_CASE("a word of a newer goldseal is refused with what to do, and a damaged one as damage") {
  for (const auto& [from, to] : {std::pair("builder = \"darknet\"", "builder = \"onnx\""),
                                 std::pair("container = \"torch-zip\"", "container = \"gguf\""),
                                 std::pair("role = \"architecture\"", "role = \"tokenizer\"")}) {
    INFO(to);
    CHECK(kind_of_refusal(sealed(from, to)) == ErrorKind::malformed);
    CHECK(kind_of_refusal(with_right_digest(sealed(from, to))) == ErrorKind::unsupported);
  }
}

TEST_CASE("an embedded program in a form of native code is refused: a seal loads no library") {
  auto manifest = sample();
  manifest.model.embedded = EmbeddedProgram{Builder::exported, {}};
  CHECK_NOTHROW(read_manifest(write_manifest(manifest), "m"));
  for (const auto* const form : {"plugin", "aoti", "python", "darknet", "Export", ""}) {
    auto text = write_manifest(manifest);
    const auto at = text.find("[model.embedded]\nbuilder = \"export\"");
    REQUIRE(at != std::string::npos);
    text = with_right_digest(text.replace(at, 35, fmt::format("[model.embedded]\nbuilder = \"{}\"", form)));
    try {
      static_cast<void>(read_manifest(text, "m"));
      FAIL("accepted " << form);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::malformed);
      CHECK(error.message() ==
            "model.embedded.builder: expected the form of an embedded program, export or torchscript, found " +
                std::string(form));
      CHECK(error.where().starts_with("m"));
      CHECK(error.remedy().find("captured again") != std::string::npos);
    }
  }
}

TEST_CASE("the noise floor of an older seal, which calls its numbers s0, a, b and linear, reads alike") {
  auto text = write_manifest(sample());
  const std::pair<std::string, std::string> names[] = {
      {"response_rms", "s0"}, {"rms_amplification", "a"}, {"max_amplification", "b"}, {"linearity", "linear"}};
  for (const auto& [name, older] : names) text.replace(text.find(name), name.size(), older);
  const auto read = read_manifest(with_right_digest(text), "m");
  CHECK(read.unknown_keys.empty());
  CHECK(write_manifest(read) == write_manifest(sample()));
}

// Faults, notes: a manifest whose digest was computed anew. Kinds: sizes, counts, noise, names, files.
TEST_CASE("what no capture writes is refused though the digest fits") {
  using Change = void (*)(Manifest&);
  const std::pair<const char*, Change> changes[] = {
      {"response_rms", [](Manifest& m) { m.golden[0].noise[0].response_rms = -1; }},
      {"response_rms",
       [](Manifest& m) { m.golden[0].noise[0].response_rms = std::numeric_limits<double>::infinity(); }},
      {"rms_amplification",
       [](Manifest& m) { m.golden[0].noise[0].rms_amplification = std::numeric_limits<double>::quiet_NaN(); }},
      {"max_amplification", [](Manifest& m) { m.golden[0].noise[0].max_amplification = -0.5; }},
      {"linearity", [](Manifest& m) { m.golden[0].noise[0].linearity = -1; }},
      {"probes", [](Manifest& m) { m.golden[0].probes = 1'000'000'000; }},
      {"probes", [](Manifest& m) { m.golden[0].probes = -1; }},
      {"seeds", [](Manifest& m) { m.golden[0].seeds.assign(5000, 1); }},
      {"layers", [](Manifest& m) { m.golden[0].layers = -3; }},
      {"others", [](Manifest& m) { m.golden[0].detections[0].others = -1; }},
      {"unsettled", [](Manifest& m) { m.golden[0].detections[0].unsettled = {-4}; }},
      {"shape", [](Manifest& m) { m.model.tensors[0].shape = {1LL << 40, 1LL << 40}; }},
      {"shape", [](Manifest& m) { m.golden[0].inputs[0].shape = {1LL << 62, 8}; }},
      {"twice", [](Manifest& m) { m.model.tensors.push_back(m.model.tensors[0]); }},
      {"twice", [](Manifest& m) { m.golden.push_back(m.golden[0]); }},
      {"twice", [](Manifest& m) { m.golden[0].outputs.push_back(m.golden[0].outputs[0]); }},
      {"twice", [](Manifest& m) { m.golden[0].noise.push_back(m.golden[0].noise[0]); }},
      {"not there", [](Manifest& m) { m.golden[0].noise[0].output = "other"; }},
      {"not there", [](Manifest& m) { m.model.tensors[1].alias_of = "nobody"; }},
      {"checkpoint", [](Manifest& m) { m.model.files.clear(); }},
      {"checkpoint", [](Manifest& m) { m.model.files.push_back(m.model.files[0]); }},
      {"embedded file", [](Manifest& m) {
         m.model.files.push_back({FileRole::embedded, "..", 3, sha256("cfg"), std::nullopt});
       }},
  };
  for (const auto& [told, change] : changes) {
    auto manifest = sample();
    change(manifest);
    INFO(told);
    try {
      static_cast<void>(read_manifest(write_manifest(manifest), "m"));
      FAIL("accepted");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::malformed);
      CHECK(error.message().find(told) != std::string::npos);
    }
  }
}

TEST_CASE("a key of a hundred thousand parts is refused before the parser recurses on it") {
  std::string bomb = "a";
  for (int i = 0; i < 100'000; ++i) bomb += ".a";
  CHECK_THROWS_AS(read_manifest(bomb + " = 1\n", "m"), Error);
}

TEST_CASE("a directory without a manifest is no seal") { CHECK_THROWS_AS(load_manifest("/"), Error); }

}  // namespace
}  // namespace goldseal
