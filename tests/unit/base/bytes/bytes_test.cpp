// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/bytes/checked.hpp>
#include <goldseal/base/bytes/sha256.hpp>
#include <goldseal/base/kinds/dtype.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/running/parallel.hpp>

#include <catch.hpp>

#include <array>
#include <atomic>
#include <limits>
#include <stdexcept>
#include <vector>

namespace goldseal {
namespace {

TEST_CASE("a read past the end names the file and the offset in it") {
  ByteReader reader("f.bin", as_bytes("abcd"), 100);
  CHECK(reader.little<std::uint16_t>() == 0x6261);
  try {
    static_cast<void>(reader.little<std::uint32_t>());
    FAIL("read past the end");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::malformed);
    CHECK(error.where() == "f.bin at byte 102");
    CHECK(error.message() == "ends too early: 4 more bytes expected, 2 left");
  }
}

TEST_CASE("a line ends within its limit or is refused") {
  ByteReader reader("f", as_bytes("one\ntwo"));
  CHECK(reader.line(10) == "one");
  CHECK_THROWS_AS(reader.line(10), Error);
  reader.seek(0);
  CHECK_THROWS_AS(reader.line(2), Error);
  CHECK_THROWS_AS(reader.seek(8), Error);
}

TEST_CASE("sizes that overflow are nothing, not something small") {
  const std::array<std::int64_t, 3> huge{1L << 31, 1L << 31, 2};
  CHECK_FALSE(checked_numel(huge));
  CHECK_FALSE(checked_numel(std::array<std::int64_t, 2>{2, -1}));
  CHECK(checked_numel({}) == 1);
  CHECK_FALSE(checked_add<std::uint64_t>(std::numeric_limits<std::uint64_t>::max(), 1));
  CHECK(extent_fits(4, 4, 8));
  CHECK_FALSE(extent_fits(5, 4, 8));
  CHECK_FALSE(extent_fits(1, std::numeric_limits<std::uint64_t>::max(), 8));
}

TEST_CASE("SHA-256 gives the digests of FIPS 180-4's examples, whole and in parts") {
  CHECK(to_hex(sha256(std::string_view("abc"))) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256 hash;
  hash.update(as_bytes("a"));
  hash.update(as_bytes("bc"));
  CHECK(hash.finish() == sha256(std::string_view("abc")));
  CHECK(parse_digest(to_hex(sha256(std::string_view("abc")))) == sha256(std::string_view("abc")));
  CHECK_FALSE(parse_digest("ba7816"));
  CHECK_FALSE(parse_digest(std::string(64, 'G')));
}

TEST_CASE("element types go by PyTorch's names and by safetensors' names") {
  CHECK(parse_dtype("bool") == DType::boolean);
  CHECK(parse_safetensors_dtype("BF16") == DType::bfloat16);
  CHECK_FALSE(parse_safetensors_dtype(""));
  CHECK_FALSE(safetensors_name(DType::qint8));
  CHECK(item_size(DType::complex128) == 16);
  CHECK(format_shape(std::array<std::int64_t, 2>{3, 4}) == "[3, 4]");
}

TEST_CASE("a parallel loop calls each task once, and passes the first exception on") {
  std::vector<std::atomic<int>> calls(1000);
  parallel_for(calls.size(), [&](std::size_t i) { ++calls[i]; });
  CHECK(std::ranges::all_of(calls, [](const auto& c) { return c == 1; }));
  CHECK_THROWS_AS(parallel_for(100,
                               [](std::size_t i) {
                                 if (i == 50) throw std::runtime_error("fifty");
                               }),
                  std::runtime_error);
  CHECK_NOTHROW(parallel_for(0, [](std::size_t) { throw std::runtime_error("never"); }));
}

}  // namespace
}  // namespace goldseal
