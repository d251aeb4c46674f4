// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/builders.hpp"

#include <goldseal/checkpoint/formats/open_checkpoint.hpp>

#include <catch.hpp>

#include <algorithm>

using namespace goldseal;
using namespace goldseal::test;

namespace {

const std::string k_storage = "\x01\x02\x03\x04\x05\x06\x07\x08";

bool has_note(const Checkpoint& checkpoint, std::string_view rule) {
  return std::ranges::any_of(checkpoint.notes, [&](const Note& note) { return note.rule == rule; });
}

/// A file of one tensor `w` of class FloatStorage over eight bytes.
std::string one_tensor(std::int32_t count, std::int32_t offset, const std::vector<std::int32_t>& shape,
                       const std::vector<std::int32_t>& strides) {
  return torch_file(
      Pickle().raw("}").text("w").tensor("FloatStorage", "0", count, offset, shape, strides).raw("s").stop(),
      {k_storage});
}

}  // namespace

TEST_CASE("a state dict is read as a table of names, shapes and places") {
  const auto checkpoint = open_bytes(torch_file(state_dict_pickle({"a.weight", "a.bias"}), {k_storage, k_storage}));
  CHECK(checkpoint.container == Container::Kind::torch_zip);
  CHECK(checkpoint.notes.empty());
  REQUIRE(checkpoint.tensors.size() == 2);
  CHECK(checkpoint.tensors[0].name == "a.weight");
  CHECK(checkpoint.tensors[1].shape == std::vector<std::int64_t>{2});
  CHECK(checkpoint.storages[0].location == "cpu");
  CHECK(checkpoint.bytes(checkpoint.storages[0]).size() == 8);
  CHECK(checkpoint.format_version == 3);
}

TEST_CASE("a tensor that reaches beyond its storage is refused with its shape and strides") {
  for (const auto& bytes : {one_tensor(2, 1, {2}, {1}), one_tensor(2, 0, {3}, {1}), one_tensor(2, 0, {2, 2}, {2, 1}),
                            one_tensor(2, 0, {2}, {2147483647}), one_tensor(2, -1, {1}, {1})}) {
    const auto error = refusal_of(bytes);
    CHECK(error.kind() == ErrorKind::malformed);
    CHECK(error.message().find("tensor 'w'") != std::string::npos);
  }
}

TEST_CASE("negative sizes and strides are refused") {
  CHECK(refusal_of(one_tensor(2, 0, {-1}, {1})).message().find("every size must be") != std::string::npos);
  CHECK(refusal_of(one_tensor(2, 0, {2}, {-1})).message().find("every stride must be") != std::string::npos);
}

TEST_CASE("a storage whose record has another length is refused, as PyTorch under mmap does not") {
  CHECK(refusal_of(one_tensor(3, 0, {1}, {1})).message().find("data/0 has 8 bytes, 12 expected") != std::string::npos);
}

TEST_CASE("a view that unfolds without bound is refused") {
  const auto error = refusal_of(one_tensor(2, 0, {1048576, 1048576}, {0, 0}));
  CHECK(error.message().find("unfold to") != std::string::npos);
}

TEST_CASE("a state dict that names a tensor twice is refused") {
  CHECK(refusal_of(torch_file(state_dict_pickle({"a", "a"}), {k_storage, k_storage})).message().find("'a' twice") !=
        std::string::npos);
}

TEST_CASE("one storage under two types is refused") {
  const auto pickle = Pickle()
                          .raw("}(")
                          .text("a")
                          .tensor("FloatStorage", "0", 2, 0, {2}, {1})
                          .text("b")
                          .tensor("IntStorage", "0", 2, 0, {2}, {1})
                          .raw("u")
                          .stop();
  CHECK(refusal_of(torch_file(pickle, {k_storage})).message().find("described in two ways") != std::string::npos);
}

TEST_CASE("bytes after the pickle's end are refused") {
  CHECK(refusal_of(torch_file(state_dict_pickle({"a"}) + "x", {k_storage}))
            .message()
            .find("follow the end of the pickle") != std::string::npos);
}

TEST_CASE("records that nothing refers to are noted") {
  const auto checkpoint = open_bytes(torch_file(state_dict_pickle({"a"}), {k_storage, k_storage}));
  CHECK(has_note(checkpoint, "zip.unused-storage"));
}

TEST_CASE("a damaged weight passes opening and is found by verify_records") {
  auto bytes = torch_file(state_dict_pickle({"a"}), {k_storage});
  bytes[bytes.find(k_storage) + 3] = '\x05';
  const TemporaryDirectory directory;
  const auto path = directory.path() / "model.pth";
  write_file_atomically(path, bytes);
  const auto checkpoint = open_checkpoint(path);
  const auto error = error_of([&] { verify_records(checkpoint); });
  CHECK(error.kind() == ErrorKind::malformed);
  CHECK(error.message().find("model/data/0 are damaged") != std::string::npos);
  CHECK_THROWS_AS(digest_everything(checkpoint), Error);
}

TEST_CASE("any byte of a good file that is flipped is refused or noted") {
  const auto good = torch_file(state_dict_pickle({"a", "b"}), {k_storage, "\x11\x12\x13\x14\x15\x16\x17\x18"});
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto bytes = good;
    bytes[i] = static_cast<char>(bytes[i] ^ 0x40);
    INFO("byte " << i);
    try {
      const auto checkpoint = open_bytes(bytes);
      bool damaged = !checkpoint.notes.empty();
      try {
        verify_records(checkpoint);
      } catch (const Error&) {
        damaged = true;
      }
      CHECK(damaged);
    } catch (const Error& error) {
      CHECK_FALSE(error.message().empty());
    }
  }
}

TEST_CASE("a wrapped checkpoint gives the one state dict that holds weights") {
  const auto pickle = Pickle()
                          .raw("}(")
                          .text("model")
                          .raw("}")
                          .text("w")
                          .tensor("FloatStorage", "0", 2, 0, {2}, {1})
                          .raw("s")
                          .text("optimizer")
                          .raw("}")
                          .text("state")
                          .raw("}")
                          .integer(0)
                          .raw("}")
                          .text("exp_avg")
                          .tensor("FloatStorage", "1", 2, 0, {2}, {1})
                          .raw("sss")
                          .text("epoch")
                          .integer(3)
                          .raw("u")
                          .stop();
  const auto bytes = torch_file(pickle, {k_storage, k_storage});
  const auto checkpoint = open_bytes(bytes);
  CHECK(checkpoint.entry == "model");
  CHECK(checkpoint.candidates == std::vector<std::string>{"optimizer.state"});
  REQUIRE(checkpoint.tensors.size() == 1);
  CHECK(checkpoint.storages.size() == 1);
  CHECK(refusal_of(bytes, {.entry = "ema"}).remedy().find("model (1 tensors)") != std::string::npos);
}

TEST_CASE("weights and their average beside each other must be chosen between") {
  const auto pickle = Pickle()
                          .raw("}(")
                          .text("model")
                          .raw("}")
                          .text("w")
                          .tensor("FloatStorage", "0", 2, 0, {2}, {1})
                          .raw("s")
                          .text("ema")
                          .raw("}")
                          .text("w")
                          .tensor("FloatStorage", "1", 2, 0, {2}, {1})
                          .raw("su")
                          .stop();
  const auto bytes = torch_file(pickle, {k_storage, k_storage});
  const auto error = refusal_of(bytes);
  CHECK(error.kind() == ErrorKind::usage);
  CHECK(error.message().find("model (1 tensors), ema (1 tensors)") != std::string::npos);
  CHECK(open_bytes(bytes, {.entry = "ema"}).entry == "ema");
  CHECK(open_bytes(bytes, {.show_all = true}).entry == "model");
}

TEST_CASE("big-endian files are told by their record") {
  const auto bytes = zip({{"m/data.pkl", state_dict_pickle({"a"})},
                          {"m/byteorder", "big"},
                          {"m/data/0", k_storage},
                          {"m/version", "3\n"}});
  const auto checkpoint = open_bytes(bytes);
  CHECK(checkpoint.big_endian);
  CHECK(digest(checkpoint, checkpoint.tensors[0]) == sha256(std::string_view("\x04\x03\x02\x01\x08\x07\x06\x05")));
}

TEST_CASE("a format number beyond the newest is refused as newer, and nonsense as damage") {
  const auto with = [](std::string version) {
    return zip({{"m/data.pkl", state_dict_pickle({"a"})}, {"m/data/0", k_storage}, {"m/version", std::move(version)}});
  };
  CHECK(refusal_of(with("11\n")).kind() == ErrorKind::unsupported);
  CHECK(refusal_of(with("3x\n")).kind() == ErrorKind::malformed);
}
