// SPDX-License-Identifier: Apache-2.0
#include <catch.hpp>

#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/formats/npy_header.hpp>

#include <span>
#include <string>
#include <vector>

using namespace goldseal;

namespace {

// Version 1.0; the elements follow.
std::string npy(const std::string& header) {
  std::string file = "\x93NUMPY\x01";
  file += '\0';
  file += static_cast<char>(header.size() & 0xFF);
  file += static_cast<char>(header.size() >> 8U);
  return file + header;
}

NpyHeader read(const std::string& file) {
  ByteReader reader("x.npy", std::as_bytes(std::span(file)));
  return read_npy_header("x.npy", reader);
}

ErrorKind refusal(const std::string& file) {
  try {
    static_cast<void>(read(file));
  } catch (const Error& error) {
    return error.kind();
  }
  FAIL("accepted " << escape_unprintable(file));
  return ErrorKind::usage;
}

}  // namespace

TEST_CASE("a .npy header means the same in every spelling that NumPy reads") {
  for (const auto* text : {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }          \n",
                           "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}\n",
                           "{\"shape\": (2, 3), \"descr\": \"=f4\", \"fortran_order\": False}",
                           "{ 'fortran_order':False,'shape':( 2 ,3, ),'descr':'<f4' }\n"}) {
    const auto header = read(npy(text));
    CHECK(header.dtype == DType::float32);
    CHECK_FALSE(header.fortran);
    CHECK(header.shape == std::vector<std::int64_t>{2, 3});
    CHECK(npy_bytes(header) == 24);
  }
}

TEST_CASE("a .npy header of other elements than little-endian numbers has no dtype, and is read all the same") {
  for (const auto* descr : {"'>f4'", "'<U3'", "'|O'", "'<M8[ns]'", "[('a', '<f4'), ('b]', [('c', '|u1')])]"}) {
    const auto header =
        read(npy(std::string("{'descr': ") + descr + ", 'fortran_order': True, 'shape': (5,), }\n"));
    CHECK_FALSE(header.dtype);
    CHECK(header.fortran);
    CHECK(header.shape == std::vector<std::int64_t>{5});
  }
}

TEST_CASE("a .npy header that is no such dictionary is damaged") {
  std::string rank = "{'descr': '<f4', 'fortran_order': False, 'shape': (";
  for (int i = 0; i < 65; ++i) rank += "1,";
  for (const auto& text : {std::string("{'descr': '<f4', 'fortran_order': False}"),
                           std::string("{'descr': '<f4', 'descr': '<f8', 'fortran_order': False, 'shape': ()}"),
                           std::string("{'descr': '<f4', 'fortran_order': 0, 'shape': ()}"),
                           std::string("{'descr': '<f4', 'fortran_order': False, 'shape': (3)}"),
                           std::string("{'descr': '<f4', 'fortran_order': False, 'shape': (-3,)}"),
                           std::string("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'x': 'y'}"),
                           std::string("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)} print()"),
                           std::string("{'descr': [('a', '<f4'"), std::string("{'descr': '<f4"), rank + ")}"})
    CHECK(refusal(npy(text)) == ErrorKind::malformed);
  CHECK(refusal("\x93NUMPX") == ErrorKind::malformed);
  CHECK(refusal("\x93NUMPY\x04" + std::string(3, '\0')) == ErrorKind::unsupported);
}
