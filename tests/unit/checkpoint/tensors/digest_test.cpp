// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/bytes/crc32.hpp>
#include <goldseal/checkpoint/formats/open_checkpoint.hpp>
#include <goldseal/checkpoint/tensors/tensor_view.hpp>

#include "checkpoint/builders.hpp"

#include <goldseal/base/bytes/byte_reader.hpp>

#include <zlib.h>
#include <catch.hpp>

#include <numeric>
#include <random>

using namespace goldseal;
using namespace goldseal::test;

namespace {

/// A file with one storage of 24 floats, numbered, and a view of it.
Checkpoint view_of(const std::vector<std::int32_t>& shape, const std::vector<std::int32_t>& strides,
                   std::int32_t offset) {
  std::vector<float> values(24);
  std::iota(values.begin(), values.end(), 0.0F);
  const std::string storage(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  return open_bytes(torch_file(
      Pickle().raw("}").text("w").tensor("FloatStorage", "0", 24, offset, shape, strides).raw("s").stop(), {storage}));
}

Digest of(const std::vector<float>& values) {
  return sha256(std::string_view(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)));
}

}  // namespace

TEST_CASE("a view has the digest of its contiguous copy") {
  const auto transposed = view_of({3, 2}, {1, 3}, 0);
  CHECK_FALSE(is_contiguous(transposed.tensors[0]));
  CHECK(is_dense(transposed.tensors[0]));
  CHECK(digest(transposed, transposed.tensors[0]) == of({0, 3, 1, 4, 2, 5}));

  const auto strided = view_of({2, 2}, {8, 2}, 5);
  CHECK_FALSE(is_dense(strided.tensors[0]));
  CHECK(digest(strided, strided.tensors[0]) == of({5, 7, 13, 15}));

  const auto expanded = view_of({2, 3}, {0, 1}, 1);
  CHECK(digest(expanded, expanded.tensors[0]) == of({1, 2, 3, 1, 2, 3}));
  const auto scalar = view_of({}, {}, 7);
  CHECK(digest(scalar, scalar.tensors[0]) == of({7}));
  const auto empty = view_of({0, 3}, {3, 1}, 0);
  CHECK(digest(empty, empty.tensors[0]) == of({}));
}

TEST_CASE("digest_everything gives what the single functions give") {
  const auto bytes = torch_file(state_dict_pickle({"a", "b", "c"}), {"12345678", "abcdefgh", "ABCDEFGH"});
  const TemporaryDirectory directory;
  write_file_atomically(directory.path() / "m.pth", bytes);
  const auto checkpoint = open_checkpoint(directory.path() / "m.pth");
  const auto all = digest_everything(checkpoint);
  REQUIRE(all.tensors.size() == 3);
  CHECK(all.tensors[1] == sha256(std::string_view("abcdefgh")));
  CHECK(all.tensors == digest_all(checkpoint));
  CHECK(all.files.at(0).whole == sha256(std::string_view(bytes)));
  CHECK(all.files.at(0).non_tensor == digest_file(checkpoint, 0).non_tensor);
}

TEST_CASE("the frame leaves out what tensors cover, and only that") {
  const auto frame_of = [](std::string_view first, const std::vector<std::int32_t>& shape) {
    const auto pickle = Pickle().raw("}").text("w").tensor("FloatStorage", "0", 2, 0, shape, {1}).raw("s").stop();
    const auto bytes =
        zip({{"m/data.pkl", pickle}, {"m/data/0", std::string(first), 0x11111111}, {"m/version", "3\n"}});
    const TemporaryDirectory directory;
    write_file_atomically(directory.path() / "m.pth", bytes);
    return digest_file(open_checkpoint(directory.path() / "m.pth"), 0).non_tensor;
  };
  CHECK(frame_of("12345678", {2}) == frame_of("12345679", {2}));
  // A storage that no tensor fills stays in the frame: no byte is left without a digest.
  CHECK(frame_of("12345678", {1}) != frame_of("12345679", {1}));
}

TEST_CASE("the checksum is zip's, in one piece and continued") {
  std::string text(10'007, '\0');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 131 + i / 7);
  CHECK(goldseal::crc32(as_bytes("123456789")) == 0xcbf43926);
  for (const std::size_t cut : {0U, 1U, 15U, 16U, 63U, 64U, 65U, 1000U, 10'007U}) {
    for (const std::size_t skip : {0U, 1U, 3U}) {
      const auto part = std::string_view(text).substr(skip);
      const auto head = as_bytes(part.substr(0, cut));
      const auto tail = as_bytes(part.substr(std::min(cut, part.size())));
      const auto expected = ::crc32(0, reinterpret_cast<const Bytef*>(part.data()), static_cast<uInt>(part.size()));
      CHECK(goldseal::crc32(tail, goldseal::crc32(head)) == expected);
    }
  }
}

TEST_CASE("the checksum is zlib's for every short length at every alignment, and for random long ones") {
  std::mt19937_64 engine(3);
  std::vector<std::byte> bytes(1 << 20);
  for (auto& byte : bytes) byte = static_cast<std::byte>(engine());
  const auto agrees = [&](std::size_t skip, std::size_t length) {
    const auto part = std::span<const std::byte>(bytes).subspan(skip, length);
    const auto seed = static_cast<std::uint32_t>(engine());
    return goldseal::crc32(part, seed) == ::crc32_z(seed, reinterpret_cast<const Bytef*>(part.data()), part.size());
  };
  std::size_t wrong = 0;
  for (std::size_t length = 0; length <= 320; ++length) {
    for (std::size_t skip = 0; skip < 16; ++skip) wrong += agrees(skip, length) ? 0U : 1U;
  }
  for (int i = 0; i < 50; ++i) wrong += agrees(engine() % 4096, engine() % (bytes.size() - 4096)) ? 0U : 1U;
  CHECK(wrong == 0);
}

TEST_CASE("tensors of many sizes, digested side by side, have the digests that they have alone") {
  std::mt19937_64 engine(4);
  std::string opcodes = "}";
  std::vector<std::string> storages;
  for (std::int32_t i = 0; i < 60; ++i) {
    const auto count = static_cast<std::int32_t>(engine() % (i % 7 == 0 ? 60'000 : 400));
    std::string storage(static_cast<std::size_t>(count) * 4, '\0');
    for (auto& c : storage) c = static_cast<char>(engine());
    opcodes +=
        Pickle().text("t" + std::to_string(i)).tensor("FloatStorage", std::to_string(i), count, 0, {count}, {1}).body();
    opcodes += "s";
    storages.push_back(std::move(storage));
  }
  const auto bytes = torch_file(Pickle().raw(opcodes).stop(), storages);
  const TemporaryDirectory directory;
  write_file_atomically(directory.path() / "m.pth", bytes);
  const auto checkpoint = open_checkpoint(directory.path() / "m.pth");
  const auto all = digest_everything(checkpoint);
  REQUIRE(all.tensors.size() == storages.size());
  for (std::size_t i = 0; i < storages.size(); ++i) CHECK(all.tensors[i] == sha256(std::string_view(storages[i])));
  CHECK(all.files.at(0).whole == sha256(std::string_view(bytes)));
}

TEST_CASE("a byte changed in any of many storages is noticed while they are digested") {
  const std::vector<std::string> names{"a", "b", "c", "d", "e"};
  std::vector<ZipRecord> records{{"m/data.pkl", state_dict_pickle(names)}};
  for (std::size_t i = 0; i < names.size(); ++i) {
    records.push_back({"m/data/" + std::to_string(i), "12345678"});
    if (i == 3) records.back().crc32 = 0x11111111;
  }
  records.push_back({"m/version", "3\n"});
  const TemporaryDirectory directory;
  write_file_atomically(directory.path() / "m.pth", zip(records));
  const auto checkpoint = open_checkpoint(directory.path() / "m.pth");
  CHECK(error_of([&] { (void)digest_everything(checkpoint); }).message().find("data/3 are damaged") !=
        std::string::npos);
}
