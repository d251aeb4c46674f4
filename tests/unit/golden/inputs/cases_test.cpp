// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"

#include <goldseal/base/files/atomic_write.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/checkpoint/write/safetensors_writer.hpp>
#include <goldseal/golden/inputs/cases.hpp>

#include <filesystem>

using namespace goldseal;
using namespace goldseal::golden;

namespace {

const std::vector<InputSlot> k_two{{"image", {}, {}}, {"mask", {}, {}}};
const std::vector<InputSlot> k_one{{"image", {}, {}}};

void touch(const std::filesystem::path& path) {
  std::filesystem::create_directories(path.parent_path());
  write_file_atomically(path, "x");
}

}  // namespace

TEST_CASE("Each file and each sub-directory is a case, in the order of their names") {
  const TemporaryDirectory directory;
  touch(directory.path() / "b.npy");
  touch(directory.path() / "a" / "image.png");
  touch(directory.path() / "a" / "mask.npy");
  touch(directory.path() / ".hidden");
  const auto cases = find_cases(directory.path(), k_two);
  REQUIRE(cases.size() == 2);
  CHECK(cases[0].name == "a");
  REQUIRE(cases[0].inputs.size() == 2);
  CHECK(cases[0].inputs[1].name == "mask");
  CHECK(cases[0].inputs[1].text == "a/mask.npy");
  CHECK(cases[1].name == "b");
  CHECK(cases[1].inputs.at(0).name.empty());
}

TEST_CASE("A file of named tensors holds all inputs of its case") {
  const TemporaryDirectory directory;
  const std::vector<float> values{1, 2};
  const auto bytes = std::as_bytes(std::span(values));
  write_file_atomically(directory.path() / "both.safetensors",
                        write_safetensors(std::vector<TensorToWrite>{{"image", DType::float32, {2}, bytes},
                                                                     {"mask", DType::float32, {2}, bytes}}));
  for (const auto& slots : {k_two, std::vector<InputSlot>{}}) {
    const auto cases = find_cases(directory.path(), slots);
    REQUIRE(cases.at(0).inputs.size() == 2);
    const auto inputs = make_inputs(cases[0].inputs, slots);
    CHECK(inputs.at(0).name == "image");
    CHECK(inputs.at(1).name == "mask");
  }
}

TEST_CASE("A file's only tensor stands for one input: not for another that forward() can do without, nor for one it needs") {
  const TemporaryDirectory directory;
  const std::vector<float> values{1, 2};
  const auto bytes = std::as_bytes(std::span(values));
  const auto only = [&](const char* name) {
    write_file_atomically(directory.path() / "one.safetensors",
                          write_safetensors(std::vector<TensorToWrite>{{name, DType::float32, {2}, bytes}}));
  };
  const std::vector<InputSlot> optional{{"ids", {}, {}, true}, {"mask", {}, {}, false}};
  const std::vector<InputSlot> needed{{"ids", {}, {}, true}, {"mask", {}, {}, true}};
  for (const auto* const name : {"ids", "arr_0"}) {
    only(name);
    const auto cases = find_cases(directory.path(), optional);
    REQUIRE(cases.at(0).inputs.size() == 1);
    CHECK(cases[0].inputs[0].name == "ids");
    CHECK_THROWS_AS(find_cases(directory.path(), needed), Error);
  }
  only("mask");
  CHECK_THROWS_AS(find_cases(directory.path(), optional), Error);
}

TEST_CASE("A network's only input need not be named by the only file") {
  const TemporaryDirectory directory;
  touch(directory.path() / "night" / "street.png");
  CHECK(find_cases(directory.path(), k_one).at(0).inputs.at(0).name == "image");
}

TEST_CASE("No directory, an empty one, a name twice and an odd name are refused") {
  const TemporaryDirectory directory;
  CHECK_THROWS_AS(find_cases(directory.path() / "none", k_one), Error);
  CHECK_THROWS_AS(find_cases(directory.path(), k_one), Error);
  touch(directory.path() / "a.npy");
  touch(directory.path() / "a.png");
  CHECK_THROWS_AS(find_cases(directory.path(), k_one), Error);
  std::filesystem::remove(directory.path() / "a.png");
  CHECK(find_cases(directory.path(), k_one).size() == 1);
  touch(directory.path() / "odd name.npy");
  CHECK_THROWS_AS(find_cases(directory.path(), k_one), Error);
}
