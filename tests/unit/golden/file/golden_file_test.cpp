// SPDX-License-Identifier: Apache-2.0
#include "golden/synthetic.hpp"

#include "catch.hpp"

#include <goldseal/base/files/atomic_write.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/golden/compare/output_verdict.hpp>
#include <goldseal/golden/file/golden_file.hpp>

using namespace goldseal;
using namespace goldseal::golden;
using namespace goldseal::golden::synthetic;

namespace {

GoldenTensors sample(const Output& output) {
  GoldenTensors golden;
  golden.name = "default";
  golden.inputs.push_back(make_tensor("x", DType::float32, {1, 2}, std::vector<float>{0.5F, 1}));
  golden.outputs.push_back({output.native(3.4, 1), output.reference, output.floor, {}});
  golden.outputs.push_back({make_tensor("ids", DType::int64, {2}, std::vector<std::int64_t>{4, 5}),
                            {},
                            {},
                            make_tensor("ids", DType::uint8, {2}, std::vector<std::uint8_t>{1, 0})});
  return golden;
}

std::filesystem::path write(const TemporaryDirectory& directory, const GoldenTensors& golden) {
  const auto path = directory.path() / "golden.safetensors";
  write_file_atomically(path, write_golden({&golden, 1}));
  return path;
}

}  // namespace

TEST_CASE("What is sealed is read back, and judges alike") {
  const Output output(1000, 1e-6, 3.4, 1);
  const auto golden = sample(output);
  const std::vector<InputOrigin> sources{{"random:1x2"}};
  const auto described = describe(golden, sources);
  CHECK(described.inputs.at(0).source == "random:1x2");
  CHECK(described.noise.size() == 1);

  const TemporaryDirectory directory;
  const auto read = read_golden(write(directory, golden), {&described, 1});
  REQUIRE(read.size() == 1);
  CHECK(read[0].inputs.at(0).name == "x");
  REQUIRE(read[0].outputs.size() == 2);
  CHECK_FALSE(read[0].outputs[1].reference);
  CHECK(element_as_double(read[0].outputs[1].stable.value(), 1) == 0);
  const auto& noise = read[0].outputs[0].noise.value();
  const auto found = output.native(8, 5);
  const auto before = compare(found, output.reference, output.floor);
  const auto after = compare(found, read[0].outputs[0].reference.value(), noise);
  CHECK(after.rms_ratio == before.rms_ratio);
  CHECK(after.max_ratio == before.max_ratio);
  CHECK(judge_native_strict(after, noise).diffuse == judge_native_strict(before, output.floor).diffuse);
}

TEST_CASE("The file takes 13 bytes an output element") {
  const Output output(100'000, 1e-6, 3.4, 1);
  GoldenTensors golden;
  golden.name = "default";
  golden.outputs.push_back({output.native(3.4, 1), output.reference, output.floor, {}});
  const auto bytes = write_golden({&golden, 1}).size();
  CHECK(bytes < 13 * 100'000 + 2'000);
}

TEST_CASE("A file that lacks what the manifest promises is damage") {
  const Output output(10, 1e-6, 3.4, 1);
  const auto golden = sample(output);
  const auto described = describe(golden, {});
  const TemporaryDirectory directory;

  auto without = golden;
  without.outputs[0].reference.reset();
  CHECK_THROWS_WITH(read_golden(write(directory, without), {&described, 1}), Catch::Contains("default/reference/y"));
  without = golden;
  without.inputs.clear();
  CHECK_THROWS_WITH(read_golden(write(directory, without), {&described, 1}), Catch::Contains("default/input/x"));
  without = golden;
  without.outputs[1].stable.reset();
  CHECK_THROWS_WITH(read_golden(write(directory, without), {&described, 1}), Catch::Contains("default/stable/ids"));
  auto other = described;
  other.outputs[0].shape = {5, 2};
  CHECK_THROWS_WITH(read_golden(write(directory, golden), {&other, 1}), Catch::Contains("found float32 [10]"));
}

TEST_CASE("Detections whose outputs do not go together are damage, not read") {
  const TemporaryDirectory directory;
  const Output output(1000, 1e-6, 3.4, 1);
  const auto golden = sample(output);
  const auto path = write(directory, golden);
  auto described = describe(golden, {});
  const auto read_with = [&](const DetectionRecord& detections) {
    described.detections = {detections};
    return read_golden(path, {&described, 1});
  };
  CHECK(read_with({{"ids"}, {1}, 0, true}).at(0).detections.at(0).unsettled == std::vector<std::size_t>{1});
  CHECK_THROWS_AS(read_with({{"ids", described.outputs.at(0).name}, {}, 0, true}), Error);
  CHECK_THROWS_AS(read_with({{"ids"}, {1, 1}, 0, true}), Error);
  CHECK_THROWS_AS(read_with({{"ids"}, {2}, 0, true}), Error);
  CHECK_THROWS_AS(read_with({{"nothing"}, {}, 0, true}), Error);
  CHECK_THROWS_AS(read_with({{"ids"}, {}, 3, true}), Error);
  CHECK_THROWS_AS(read_with({{}, {}, 0, true}), Error);
}

TEST_CASE("Weight traces travel beside the goldens") {
  const Output output(10, 1e-6, 3.4, 1);
  const auto golden = sample(output);
  const std::vector<WeightFingerprint> traces{{1, 2, 3, 4, 5}};
  const TemporaryDirectory directory;
  const auto path = directory.path() / "golden.safetensors";
  write_file_atomically(path, write_golden({&golden, 1}, traces));
  CHECK(read_fingerprints(std::make_shared<const MappedFile>(path)) == traces);
  CHECK(read_fingerprints(std::make_shared<const MappedFile>(write(directory, golden))).empty());
}
