// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"

#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/golden/tensors/npy.hpp>

#include <cstring>
#include <string>

using namespace goldseal;
using namespace goldseal::golden;

namespace {

std::string npy(const std::string& dictionary, const std::string& elements, int major = 1) {
  std::string text = dictionary + "\n";
  std::string file = "\x93NUMPY";
  file += static_cast<char>(major);
  file += '\0';
  const auto length = static_cast<std::uint32_t>(text.size());
  for (int i = 0; i < (major == 1 ? 2 : 4); ++i) file += static_cast<char>((length >> (8 * i)) & 0xFF);
  return file + text + elements;
}

template <typename T>
std::string raw(std::vector<T> values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

HostTensor read(const std::string& file) {
  auto owned = std::make_shared<const std::string>(file);
  const auto bytes = as_bytes(*owned);
  return read_npy("x.npy", bytes, std::move(owned));
}

std::vector<double> values(const HostTensor& tensor) {
  std::vector<double> result(tensor.numel());
  copy_as_double(tensor, 0, result);
  return result;
}

const std::string k_two = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";

}  // namespace

TEST_CASE("An array as numpy writes it is read in every version") {
  for (const int major : {1, 2, 3}) {
    const auto tensor = read(npy(k_two, raw<float>({1.5F, -2}), major));
    CHECK(tensor.dtype == DType::float32);
    CHECK(tensor.shape == std::vector<std::int64_t>{2});
    CHECK(values(tensor) == std::vector<double>{1.5, -2});
  }
}

TEST_CASE("Every element type that a network takes is read") {
  const auto dtype = [](const std::string& descr, std::size_t size) {
    return read(npy("{'descr': '" + descr + "', 'fortran_order': False, 'shape': (), }", std::string(size, '\0')))
        .dtype;
  };
  CHECK(dtype("<f8", 8) == DType::float64);
  CHECK(dtype("<f2", 2) == DType::float16);
  CHECK(dtype("<i8", 8) == DType::int64);
  CHECK(dtype("<i4", 4) == DType::int32);
  CHECK(dtype("|i1", 1) == DType::int8);
  CHECK(dtype("|u1", 1) == DType::uint8);
  CHECK(dtype("|b1", 1) == DType::boolean);
}

TEST_CASE("A Fortran-ordered array becomes row-major") {
  const auto tensor = read(npy("{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3, 2), }",
                               raw<std::int32_t>({0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11})));
  CHECK(tensor.shape == std::vector<std::int64_t>{2, 3, 2});
  CHECK(values(tensor) == std::vector<double>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
}

TEST_CASE("A file cut short, or too long, is refused with its offset") {
  CHECK_THROWS_WITH(read(npy(k_two, raw<float>({1}))),
                    Catch::Contains("expected [2] elements of float32, found 4 bytes"));
  CHECK_THROWS_AS(read(npy(k_two, raw<float>({1, 2, 3}))), Error);
  const auto whole = npy(k_two, raw<float>({1, 2}));
  for (std::size_t length = 0; length < whole.size(); ++length) CHECK_THROWS_AS(read(whole.substr(0, length)), Error);
}

TEST_CASE("A header that is not numpy's dictionary is refused") {
  const auto refuse = [](const std::string& dictionary) {
    CHECK_THROWS_AS(read(npy(dictionary, raw<float>({1, 2}))), Error);
  };
  refuse("");
  refuse("{}");
  refuse("{'descr': '<f4', 'fortran_order': False}");
  refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'descr': '<f4'}");
  refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1}");
  refuse("{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}");
  refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}");
  refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (2)}");
  refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x");
  refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}");
  refuse("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4611686018427387904)}");
  refuse("{'descr': '<f4, 'fortran_order': False, 'shape': (2,)}");
}

TEST_CASE("Arrays that no network takes are refused with the way to convert them") {
  const auto remedy = [](const std::string& descr) -> std::string {
    try {
      (void)read(npy("{'descr': " + descr + ", 'fortran_order': False, 'shape': (2,), }", std::string(16, '\0')));
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::unsupported);
      return error.remedy();
    }
    return "accepted";
  };
  CHECK_THAT(remedy("'>f4'"), Catch::Contains("newbyteorder"));
  CHECK_THAT(remedy("'|O'"), Catch::Contains("astype(np.float32)"));
  CHECK_THAT(remedy("'<U8'"), Catch::Contains("astype(np.float32)"));
  CHECK_THAT(remedy("'<c8'"), Catch::Contains("astype(np.float32)"));
  CHECK_THAT(remedy("[('a', '<f4')]"), Catch::Contains("one field"));
}
