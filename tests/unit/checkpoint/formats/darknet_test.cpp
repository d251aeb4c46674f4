// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/builders.hpp"

#include <catch.hpp>

#include <cstring>
#include <fstream>

using namespace goldseal;
using namespace goldseal::test;

namespace {

constexpr std::string_view k_backbone = R"([net]
width=8
height=8
channels=3

[convolutional]
batch_normalize=1
filters=2
size=3
stride=1
pad=1
activation=leaky

[maxpool]
size=2
stride=2

)";

// 3 * (5 + classes) filters of 2 * 1 * 1 weights and a bias each.
std::string cfg_text(int classes) {
  const auto filters = std::to_string(3 * (5 + classes));
  return std::string(k_backbone) + "[convolutional]\nfilters=" + filters +
         "\nsize=1\nstride=1\nactivation=linear\n\n[yolo]\nmask=0,1,2\nanchors=1,2, 3,4, 5,6\nclasses=" +
         std::to_string(classes) + "\n";
}

constexpr std::size_t k_backbone_floats = 4 * 2 + 2 * 3 * 3 * 3;
constexpr std::size_t k_floats = k_backbone_floats + 18 + 36;  // one class: 18 filters

template <class T>
std::string raw(std::initializer_list<T> values) {
  std::string out;
  for (const T value : values) out.append(reinterpret_cast<const char*>(&value), sizeof(T));
  return out;
}

std::string numbers(std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += raw<float>({static_cast<float>(i)});
  return out;
}

const std::string k_header = raw<std::int32_t>({0, 2, 0}) + raw<std::int64_t>({32'013'312});

/// Opens weights beside a cfg of this text.
Checkpoint open_weights(const std::string& weights, const std::string& cfg) {
  const TemporaryDirectory directory;
  write_file_atomically(directory.path() / "m.weights", weights);
  write_file_atomically(directory.path() / "m.cfg", cfg);
  return open_checkpoint(directory.path() / "m.weights", {.darknet_cfg = directory.path() / "m.cfg"});
}

std::string refusal(const std::string& weights, const std::string& cfg) {
  const auto error = error_of([&] { (void)open_weights(weights, cfg); });
  return error.message() + " | " + error.remedy();
}

bool says(const std::string& text, std::string_view part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("Darknet weights take names and shapes from the cfg, in the order that Darknet writes them") {
  const auto checkpoint = open_weights(k_header + numbers(k_floats), cfg_text(1));
  CHECK(checkpoint.container == Container::Kind::darknet_weights);
  std::vector<std::string> names;
  for (const auto& tensor : checkpoint.tensors) names.push_back(tensor.name);
  CHECK(names == std::vector<std::string>{"module_list.0.batch_norm_0.bias", "module_list.0.batch_norm_0.weight",
                                          "module_list.0.batch_norm_0.running_mean",
                                          "module_list.0.batch_norm_0.running_var", "module_list.0.conv_0.weight",
                                          "module_list.2.conv_2.bias", "module_list.2.conv_2.weight"});
  CHECK(checkpoint.tensors[4].shape == std::vector<std::int64_t>{2, 3, 3, 3});
  CHECK(checkpoint.tensors[6].shape == std::vector<std::int64_t>{18, 2, 1, 1});
  CHECK(digest(checkpoint, checkpoint.tensors[1]) == sha256(std::string_view(raw<float>({2, 3}))));
  CHECK(checkpoint.storages.back().begin + checkpoint.storages.back().bytes == checkpoint.files[0]->size());
}

TEST_CASE("the header of an old Darknet has 16 bytes") {
  const auto checkpoint = open_weights(raw<std::int32_t>({0, 1, 0, 64}) + numbers(k_floats), cfg_text(1));
  CHECK(checkpoint.storages.front().begin == 16);
}

TEST_CASE("F25: a header written as int64 is named, for Darknet would read every weight from a place before it") {
  const auto text = refusal(raw<std::int64_t>({0, 2, 0, 64, 0}) + numbers(k_floats), cfg_text(1));
  CHECK(says(text, "the header has 40 bytes, 20 expected"));
  CHECK(says(text, "int32"));
}

TEST_CASE("weights of another class count, of a backbone, and cut ones are told apart") {
  CHECK(says(refusal(k_header + numbers(k_floats), cfg_text(80)), "the file fits 1 classes"));
  CHECK(says(refusal(k_header + numbers(k_backbone_floats), cfg_text(1)), "the first 1 of 4 layers"));
  CHECK(says(refusal(k_header + numbers(k_floats - 5), cfg_text(1)), "484 bytes expected"));
}

TEST_CASE("without a cfg, Darknet weights are named and the option that reads them is said") {
  const auto error = refusal_of(k_header + numbers(k_floats));
  CHECK(error.kind() == ErrorKind::usage);
  CHECK(says(error.message(), "Darknet weights"));
  CHECK(says(error.remedy(), "--model darknet:FILE.cfg"));
}

TEST_CASE("what is wrong with a cfg is told with its line") {
  const auto error =
      error_of([&] { (void)open_weights(k_header + numbers(k_floats), std::string(k_backbone) + "[capsule]\n"); });
  CHECK(error.kind() == ErrorKind::unsupported);
  CHECK(says(error.where(), "m.cfg:18"));
  CHECK(says(error.message(), "capsule"));
}
