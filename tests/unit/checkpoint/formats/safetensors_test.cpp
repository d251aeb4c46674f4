// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/write/safetensors_writer.hpp>

#include "checkpoint/builders.hpp"

#include <goldseal/base/bytes/byte_reader.hpp>

#include <catch.hpp>

#include <cstring>

using namespace goldseal;
using namespace goldseal::test;

namespace {

std::string file(std::string_view header, std::string_view data) {
  const std::uint64_t size = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &size, 8);
  return bytes.append(header).append(data);
}

constexpr std::string_view k_header = R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";

}  // namespace

TEST_CASE("what the writer writes the reader reads back") {
  const std::string_view a = "12345678";
  const std::string_view b = "\x01";
  const std::vector<TensorToWrite> tensors{{"a.\u00e9\"x", DType::float32, {2, 1}, as_bytes(a)},
                                           {"b", DType::boolean, {}, as_bytes(b)},
                                           {"c", DType::int64, {0}, {}}};
  const std::vector<std::pair<std::string, std::string>> metadata{{"format", "pt"}};
  const auto bytes = write_safetensors(tensors, metadata);
  CHECK(bytes.find(R"("__metadata__":{"format":"pt"})") != std::string::npos);
  CHECK((bytes.size() - 9) % 8 == 0);
  const auto checkpoint = open_bytes(bytes);
  CHECK(checkpoint.container == Container::Kind::safetensors);
  REQUIRE(checkpoint.tensors.size() == 3);
  CHECK(checkpoint.tensors[0].name == tensors[0].name);
  CHECK(checkpoint.tensors[0].shape == std::vector<std::int64_t>{2, 1});
  CHECK(digest(checkpoint, checkpoint.tensors[0]) == sha256(a));
  CHECK(digest(checkpoint, checkpoint.tensors[2]) == sha256(std::string_view{}));
}

TEST_CASE("an element type that safetensors lacks is refused at writing") {
  const std::vector<TensorToWrite> tensors{{"a", DType::qint8, {1}, {}}};
  CHECK_THROWS_AS(write_safetensors(tensors), Error);
}

TEST_CASE("a header that names a tensor twice is refused, also under an escape") {
  const std::string_view twice =
      R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\u0077":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})";
  CHECK(refusal_of(file(twice, "ab")).message().find("'w' is there twice") != std::string::npos);
}

TEST_CASE("B32: gaps, overlaps, tails and wrong sizes are refused") {
  CHECK(refusal_of(file(R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", "ab"))
            .message()
            .find("do not tile") != std::string::npos);
  CHECK(
      refusal_of(
          file(
              R"({"w":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"v":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
              "abc"))
          .message()
          .find("do not tile") != std::string::npos);
  CHECK(refusal_of(file(k_header, "12345678x")).message().find("follow the last tensor") != std::string::npos);
  CHECK(refusal_of(file(R"({"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", "12345678"))
            .message()
            .find("has 8 bytes") != std::string::npos);
  CHECK(refusal_of(file(R"({"w":{"dtype":"F32","shape":[4611686018427387904,8],"data_offsets":[0,8]}})", "12345678"))
            .kind() == ErrorKind::malformed);
}

TEST_CASE("a file that was cut says how much of it is there") {
  CHECK(refusal_of(file(k_header, "1234")).message().find("66 of 70 bytes") != std::string::npos);
  CHECK(refusal_of(file(k_header, "").substr(0, 30)).message().find("30 of at least 62 bytes") != std::string::npos);
}

TEST_CASE("anything beside the format is refused") {
  for (const auto* header :
       {R"({"w":1})", R"({"w":{"dtype":"F32"}})", R"({"w":null})", R"({"__metadata__":[]})", R"({"__metadata__":{"a":1}})", R"({"__metadata__":{"a":{}}})",
        R"({"w":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})",
        R"({"w":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}})",
        R"({"w":{"dtype":"F32","shape":[[2]],"data_offsets":[0,8]}})",
        R"({"w":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}})", "{{",
        R"({"w":{"x":[{"y":}],"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
        "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}\v"}) {
    INFO(header);
    CHECK(refusal_of(file(header, "12345678")).kind() == ErrorKind::malformed);
  }
  CHECK(refusal_of(file(R"({"w":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}})", "12345678")).kind() ==
        ErrorKind::unsupported);
}

TEST_CASE("further fields, null metadata and white space are passed over, as safetensors does") {
  for (const auto* header :
       {R"({"w":{"x":[1,{"dtype":"I8","y":[null,true,1.5,-1]}],"dtype":"F32","shape":[2],"data_offsets":[0,8],"z":"t"}})",
        R"({"__metadata__":null,"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
        " \t{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}\r\n"}) {
    INFO(header);
    const auto checkpoint = open_bytes(file(header, "12345678"));
    REQUIRE(checkpoint.tensors.size() == 1);
    CHECK(digest(checkpoint, checkpoint.tensors[0]) == sha256(std::string_view("12345678")));
  }
}

TEST_CASE("B06: sub-byte types take the bytes of their bits, and an unknown type is unsupported") {
  const auto four = open_bytes(file(R"({"w":{"dtype":"F4","shape":[2,8],"data_offsets":[0,8]}})", "12345678"));
  CHECK(four.tensors[0].dtype == DType::float4_e2m1fn_x2);
  CHECK(four.tensors[0].shape == std::vector<std::int64_t>{2, 4});
  CHECK(logical_shape(four.tensors[0].dtype, four.tensors[0].shape) == std::vector<std::int64_t>{2, 8});
  CHECK(digest(four, four.tensors[0]) == sha256(std::string_view("12345678")));
  const auto six = open_bytes(file(R"({"w":{"dtype":"F6_E2M3","shape":[2,4],"data_offsets":[0,6]}})", "123456"));
  CHECK(six.tensors[0].dtype == DType::float6_e2m3fn);
  CHECK(digest(six, six.tensors[0]) == sha256(std::string_view("123456")));
  const auto odd = refusal_of(file(R"({"w":{"dtype":"F4","shape":[2,3],"data_offsets":[0,3]}})", "123"));
  CHECK(odd.kind() == ErrorKind::unsupported);
  CHECK(odd.message().find("must be even") != std::string::npos);
  CHECK(refusal_of(file(R"({"w":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}})", "12")).kind() ==
        ErrorKind::malformed);
  const auto huge = file(R"({"w":{"dtype":"F6_E3M2","shape":[9223372036854775807],"data_offsets":[0,0]}})", "");
  CHECK(refusal_of(huge).kind() == ErrorKind::malformed);
  CHECK(refusal_of(file(R"({"w":{"dtype":"F9","shape":[2],"data_offsets":[0,2]}})", "12"))
            .message()
            .find("unsupported: F9") != std::string::npos);
}

TEST_CASE("B30: a header beyond what safetensors reads is neither written nor read") {
  const std::string long_name(1'000'000, 'x');
  std::vector<TensorToWrite> tensors;
  for (int i = 0; i < 101; ++i) tensors.push_back({long_name + std::to_string(i), DType::uint8, {0}, {}});
  const auto error = error_of([&] { (void)write_safetensors_header(tensors); });
  CHECK(error.kind() == ErrorKind::unsupported);
  CHECK(error.message().find("safetensors reads 100 MB") != std::string::npos);
  tensors.resize(99);
  CHECK(write_safetensors_header(tensors).size() < 100'000'000);
  const auto found = refusal_of(file("{" + std::string(131'500'000, ' ') + "}", ""));
  CHECK(found.kind() == ErrorKind::unsupported);
  CHECK(found.message().find("a header of 132 MB; safetensors reads 100 MB") != std::string::npos);
}

TEST_CASE("a million nested brackets cost neither stack nor time") {
  CHECK(refusal_of(file("{\"w\":" + std::string(1'000'000, '['), "")).kind() == ErrorKind::malformed);
}
