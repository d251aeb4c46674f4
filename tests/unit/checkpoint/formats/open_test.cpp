// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/builders.hpp"

#include <catch.hpp>

using namespace goldseal;
using namespace goldseal::test;

namespace {

using namespace std::string_view_literals;

struct Row {
  std::string_view bytes;
  std::string_view expected;
};

}  // namespace

TEST_CASE("a file that is no checkpoint is named for what it is") {
  const std::string tar = std::string(257, 'x') + "ustar" + std::string(300, '\0');
  const std::vector<Row> rows{
      {"", "an empty file"},
      {"hello world\n", "a text that begins 'hello world"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 248077090\n",
       "Git LFS pointer of 74 bytes for a file of 248,077,090 bytes"},
      {"<!DOCTYPE html><html>", "a web page (HTML)"},
      {"\n\n<HTML><body>", "a web page (HTML)"},
      {"<?xml version='1.0'?><Error>", "an XML or HTML text"},
      {"\x1f\x8b\x08\x00", "compressed by gzip"},
      {"7z\xbc\xaf\x27\x1c", "a 7z archive"},
      {"PK\x05\x06", "an empty zip archive"},
      {"\x93NUMPY\x01", "one numpy array"},
      {"GGUF\x03", "a GGUF file"},
      {"\x80\x04\x95", "a pickle of protocol 4 that torch.save did not write"},
      {tar, "a tar archive"},
      {"\x00\x00\x00\x00"sv, "begin with zeros"},
      {"\x01\x02\x03\xff", "of unknown kind that begins 01 02 03 ff"},
  };
  for (const auto& row : rows) {
    INFO(row.expected);
    const auto error = refusal_of(row.bytes);
    CHECK(error.kind() == ErrorKind::unsupported);
    CHECK(error.message().find(row.expected) != std::string::npos);
    CHECK_FALSE(error.remedy().empty());
  }
}

TEST_CASE("a torch file that was cut says how many bytes it should at least have") {
  const auto pickle = Pickle().raw("}").text("w").tensor("FloatStorage", "0", 1000, 0, {1000}, {1}).raw("s").stop();
  const auto bytes = torch_file(pickle, {std::string(4000, 'x')});
  const auto error = refusal_of(bytes.substr(0, 1000));
  CHECK(error.kind() == ErrorKind::malformed);
  CHECK(error.message().find("cut short: 1,000 of at least 4,") != std::string::npos);
  CHECK(refusal_of(bytes.substr(0, 40)).message().find("cut short after 40 bytes") != std::string::npos);
}

TEST_CASE("a zip archive that torch.save did not write is named") {
  CHECK(refusal_of(zip({{"a/readme.txt", "x"}})).message().find("no data.pkl") != std::string::npos);
}

TEST_CASE("a missing file and a directory are io errors") {
  CHECK(error_of([] { (void)open_checkpoint("does-not-exist.pth"); }).kind() == ErrorKind::io);
  const TemporaryDirectory directory;
  const auto error = error_of([&] { (void)open_checkpoint(directory.path()); });
  CHECK(error.kind() == ErrorKind::io);
  CHECK(error.message().find("a directory") != std::string::npos);
}
