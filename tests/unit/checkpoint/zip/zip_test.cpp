// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/zip/zip.hpp>

#include "checkpoint/builders.hpp"

#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/files/atomic_write.hpp>
#include <goldseal/checkpoint/zip/zip_writer.hpp>

#include <catch.hpp>

using namespace goldseal;
using namespace goldseal::test;

namespace {

const std::vector<ZipRecord> k_records{{"model/data.pkl", "pickle"}, {"model/data/0", "12345678"}, {"model/empty", ""}};

Error refusal(std::string bytes) {
  return error_of([&] { (void)read_zip("model.pth", as_bytes(bytes)); });
}

/// The archive with one byte after the last occurrence of `before` replaced.
std::string damaged(std::string_view before, std::size_t offset, char value) {
  auto bytes = zip(k_records);
  const auto at = bytes.rfind(before);
  REQUIRE(at != std::string::npos);
  bytes[at + offset] = value;
  return bytes;
}

}  // namespace

TEST_CASE("an archive as PyTorch lays it out is read without a note") {
  const auto bytes = zip(k_records);
  const auto archive = read_zip("model.pth", as_bytes(bytes));
  CHECK(archive.notes.empty());
  CHECK(archive.root == "model");
  REQUIRE(archive.find("data/0") != nullptr);
  CHECK(as_text(archive.stored(*archive.find("data/0"))) == "12345678");
  CHECK(archive.find("data/0")->begin % 64 == 0);
  CHECK(archive.find("missing") == nullptr);
}

TEST_CASE("bytes before, between or after the entries are refused") {
  const auto bytes = zip(k_records);
  CHECK(refusal("x" + bytes).kind() == ErrorKind::malformed);
  CHECK(refusal(bytes + "x").message().find("follow the end") != std::string::npos);
}

TEST_CASE("a local header that differs from the directory is refused") {
  auto bytes = zip(k_records);
  bytes[30] = 'X';  // the first local name
  CHECK(refusal(bytes).message().find("local header of model/data.pkl") != std::string::npos);
}

TEST_CASE("names that differ only in case are refused, for readers find either") {
  CHECK(refusal(zip({{"m/data.pkl", "a"}, {"m/DATA.PKL", "b"}})).message().find("but for case") != std::string::npos);
}

TEST_CASE("names that leave the archive are refused") {
  for (const auto* name : {"../x", "/x", "m/../../x", "m\\x", "m/\x01", "."}) {
    CHECK(refusal(zip({{name, "a"}})).message().find("unsafe name") != std::string::npos);
  }
}

TEST_CASE("an encrypted or compressed entry is refused or named") {
  CHECK(refusal(damaged("PK\x01\x02", 8, '\x09')).message().find("flags") != std::string::npos);
  CHECK(refusal(damaged("PK\x01\x02", 10, '\x0c')).message().find("method 12") != std::string::npos);
}

TEST_CASE("a time stamp is noted: PyTorch writes none") {
  auto bytes = zip({{"m/a", "a"}});
  bytes[10] = '\x21';                             // in the local header
  bytes[bytes.find("PK\x01\x02") + 12] = '\x21';  // and in the directory
  const auto archive = read_zip("model.pth", as_bytes(bytes));
  REQUIRE(archive.notes.size() == 1);
  CHECK(archive.notes[0].rule == "zip.foreign-writer");
}

TEST_CASE("an entry whose bytes lack its checksum is named with both checksums") {
  const auto bytes = zip({{"m/a", "abc", 0x12345678}});
  const auto archive = read_zip("model.pth", as_bytes(bytes));
  const auto error = error_of([&] { archive.verify(*archive.find("a")); });
  CHECK(error.message().find("checksum 12345678 expected, 352441c2 found") != std::string::npos);
}

TEST_CASE("all checksums zero are noted, one zero among others is damage") {
  const auto none = zip({{"m/a", "abc", 0}, {"m/b", "de", 0}});
  const auto archive = read_zip("model.pth", as_bytes(none));
  CHECK_FALSE(archive.has_checksums);
  CHECK(archive.notes.at(0).rule == "zip.no-checksums");
  const auto some = zip({{"m/a", "abc", 0}, {"m/b", "de"}});
  const auto mixed = read_zip("model.pth", as_bytes(some));
  CHECK_THROWS_AS(mixed.verify(*mixed.find("a")), Error);
}

TEST_CASE("every byte outside the data is checked: any that is changed is refused or noted") {
  const auto good = zip(k_records);
  const auto clean = read_zip("model.pth", as_bytes(good));
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto bytes = good;
    bytes[i] = static_cast<char>(bytes[i] ^ 0x10);
    try {
      const auto archive = read_zip("model.pth", as_bytes(bytes));
      bool found = !archive.notes.empty();
      for (const auto& entry : archive.entries) archive.verify(entry);
      INFO("byte " << i);
      CHECK(found);
    } catch (const Error& error) {
      CHECK_FALSE(error.message().empty());
    }
  }
}

TEST_CASE("zeros are written compressed, in PyTorch's layout, and unpack to what they were") {
  const TemporaryDirectory directory;
  OutputFile file(directory.path() / "zeros.pt", Existing::refuse);
  ZipWriter writer(file);
  constexpr std::size_t k_size = (5U << 20U) + 3;
  writer.add_zeros("m/data/0", k_size);
  writer.add_zeros("m/none", 0);
  writer.add("m/text", "abc");
  writer.finish();
  file.commit();
  const MappedFile mapped(directory.path() / "zeros.pt");
  const auto archive = read_zip("zeros.pt", mapped.bytes());
  CHECK(archive.notes.empty());
  CHECK(archive.unpack(*archive.find("data/0")) == std::string(k_size, '\0'));
  CHECK(archive.find("none")->size == 0);
  CHECK(as_text(archive.stored(*archive.find("text"))) == "abc");
  CHECK(mapped.size() < k_size / 500);
}
