// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"

#include <goldseal/base/atomic_write.hpp>
#include <goldseal/workflow/description/description.hpp>
#include <goldseal/workflow/description/json_values.hpp>
#include <goldseal/workflow/description/model_directory.hpp>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

using namespace goldseal;
namespace fs = std::filesystem;

TEST_CASE("a configuration is kept value by value, whatever its layout") {
  const auto values = json_values(R"({"eps": 1e-12, "act": "gelu", "rope": {"factor": 8.0, "type": "linear"}})");
  REQUIRE(values);
  CHECK(values->at("eps") == "1e-12");
  CHECK(values->at("act") == "\"gelu\"");
  CHECK(values->at("rope.factor") == "8.0");
  CHECK(values == json_values("{\"rope\": {\"type\":\"linear\",\n\"factor\": 8.0}, \"act\": \"gelu\", \"eps\": 1e-12}"));
}

TEST_CASE("a number is no text, a key with a dot is no path, and a long value keeps its digest") {
  CHECK(json_values(R"({"a": "4"})") != json_values(R"({"a": 4})"));
  CHECK(json_values(R"({"a.b": 1})") != json_values(R"({"a": {"b": 1}})"));
  const std::string words(200, 'x');
  const auto kept = json_values("{\"a\": \"" + words + "\"}");
  REQUIRE(kept);
  CHECK(kept->at("a").starts_with("sha256 "));
  CHECK(kept != json_values("{\"a\": \"" + words + "y\"}"));
}

TEST_CASE("a large vocabulary is one digest, and every one of its entries counts") {
  std::string table = "{\"vocab\": {\"a\": 0";
  for (int i = 0; i < 3000; ++i) table += ", \"" + std::to_string(i) + "\": " + std::to_string(i);
  const auto values = json_values(table + "}}");
  REQUIRE(values);
  CHECK(values->size() == 1);
  CHECK(values != json_values(table + ", \"x\": 1}}"));
}

TEST_CASE("what names the writer is left out, and what is no object has no values") {
  CHECK(json_values(R"({"transformers_version": "4", "_name_or_path": "/home/me", "a": 1})")->size() == 1);
  for (const auto* const text : {"", "[1]", "3", "{", "{\"a\": 1} x"}) CHECK_FALSE(json_values(text));
  std::string deep = "1";
  for (int i = 0; i < 200; ++i) deep = "{\"a\": " + deep + "}";
  CHECK_FALSE(json_values(deep));
}

namespace {

bool holds(const std::vector<fs::path>& files, std::string_view name) {
  return std::ranges::any_of(files, [&](const fs::path& file) { return file.string().ends_with(name); });
}

}  // namespace

TEST_CASE("a model's directory is told from one that holds a checkpoint by chance") {
  const TemporaryDirectory directory;
  const auto put = [&](const fs::path& name, std::string_view text) {
    fs::create_directories((directory.path() / name).parent_path());
    write_file_atomically(directory.path() / name, text);
  };
  put("config.json", R"({"learning_rate": 0.1})");
  CHECK_FALSE(is_model_directory(directory.path()));
  put("config.json", R"({"architectures": ["BertModel"]})");
  CHECK(is_model_directory(directory.path()));
  for (const auto* const name : {"tokenizer.json", "merges.txt", "spiece.model", "modeling_x.py", "README.md",
                                 "model.safetensors", "model.safetensors.index.json", "trainer_state.json"})
    put(name, "{}");
  const auto files = description_files(directory.path());
  for (const auto* const name : {"config.json", "tokenizer.json", "merges.txt", "spiece.model", "modeling_x.py"})
    CHECK(holds(files, name));
  for (const auto* const name : {"README.md", "model.safetensors", "index.json", "trainer_state.json"})
    CHECK_FALSE(holds(files, name));
  put("modules.json", "[]");
  put("1_Pooling/config.json", "{}");
  put("x.seal/config.json", "{}");
  CHECK(holds(description_files(directory.path()), "1_Pooling/config.json"));
  CHECK_FALSE(holds(description_files(directory.path()), "x.seal/config.json"));
}

TEST_CASE("an argument is a path where it looks like one and is there") {
  const TemporaryDirectory directory;
  fs::create_directory(directory.path() / "train");
  const auto before = fs::current_path();
  fs::current_path(directory.path());
  CHECK(path_options({Builder::python, "m:f", {{"directory", "train"}}}) == std::vector<std::string>{"directory"});
  CHECK(path_options({Builder::python, "m:f", {{"mode", "train"}}}).empty());
  CHECK(path_options({Builder::python, "m:f", {{"mode", "./train"}}}) == std::vector<std::string>{"mode"});
  CHECK(path_options({Builder::python, "m:f", {{"directory", "gone"}}}).empty());
  CHECK(path_options({Builder::darknet, "m.cfg", {{"directory", "train"}}}).empty());
  fs::current_path(before);
}
