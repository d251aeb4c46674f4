// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/contents/zero_runs.hpp>

#include "checkpoint/builders.hpp"

#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/checkpoint/write/safetensors_writer.hpp>

#include <catch.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace goldseal;
using namespace goldseal::test;

namespace {

constexpr std::size_t k_rows = 96;
constexpr std::size_t k_columns = 100;
constexpr std::size_t k_row = k_columns * 4;  // bytes
constexpr std::size_t k_weight = k_rows * k_row;

// Two weights of 96 rows and a bias, none of whose bytes is zero.
std::string whole_file() {
  const std::string weight(k_weight, '\x3d');
  const std::string bias(k_row, '\x3c');
  const std::vector<TensorToWrite> tensors{{"a.weight", DType::float32, {k_rows, k_columns}, as_bytes(weight)},
                                           {"b.weight", DType::float32, {k_rows, k_columns}, as_bytes(weight)},
                                           {"c.bias", DType::float32, {k_columns}, as_bytes(bias)}};
  return write_safetensors(tensors, {});
}

std::size_t data_of(const std::string& file) { return file.size() - (2 * k_weight + k_row); }

std::string zeroed(std::string file, std::size_t begin, std::size_t end) {
  return file.replace(begin, end - begin, end - begin, '\0');
}

std::vector<ZeroRun> found_in(const std::string& file) { return find_zero_runs(open_bytes(file)); }

}  // namespace

TEST_CASE("a file that was written whole has no zeros to tell of") { CHECK(found_in(whole_file()).empty()); }

TEST_CASE("B68: a download that stopped leaves zeros from the midst of a row to the file's end") {
  const auto file = whole_file();
  const auto begin = data_of(file) + k_weight + 3 * k_row + 43;
  const auto runs = found_in(zeroed(file, begin, file.size()));
  REQUIRE(runs.size() == 1);
  CHECK(runs[0].begin == begin);
  CHECK(runs[0].bytes == file.size() - begin);
  CHECK(runs[0].to_end);
  CHECK(runs[0].tensors == std::vector<std::string>{"b.weight", "c.bias"});
}

TEST_CASE("B68: a block that was never written is found in the midst of a file") {
  const auto file = whole_file();
  const auto begin = (data_of(file) / 4096 + 3) * 4096;
  for (const std::size_t end : {begin + 4096, begin + 5 * 4096}) {
    const auto runs = found_in(zeroed(file, begin, end));
    REQUIRE(runs.size() == 1);
    CHECK(runs[0].begin == begin);
    CHECK(runs[0].bytes == end - begin);
    CHECK_FALSE(runs[0].to_end);
  }
}

TEST_CASE("B68: a file of zeros alone is told of") {
  const auto file = whole_file();
  const auto runs = found_in(zeroed(file, data_of(file), file.size()));
  REQUIRE(runs.size() == 1);
  CHECK(runs[0].tensors.size() == 3);
}

TEST_CASE("zeros that a network holds are left alone: whole rows, whole tensors, an untrained last layer") {
  const auto file = whole_file();
  const auto data = data_of(file);
  CHECK(found_in(zeroed(file, data + 10 * k_row, data + 40 * k_row)).empty());               // pruned filters
  CHECK(found_in(zeroed(file, data + k_weight, data + 2 * k_weight)).empty());               // a zero layer
  CHECK(found_in(zeroed(file, data + k_weight, file.size())).empty());                       // and its bias, the last
  CHECK(found_in(zeroed(file, data + k_weight + 90 * k_row, file.size())).empty());          // rows of padding at the end
  CHECK(found_in(zeroed(file, data + 4 * k_row + 40, data + 30 * k_row + 40)).empty());      // at no block's edge
}

TEST_CASE("a mask of a triangle has a run of zeros in each row, which is no longer than one") {
  constexpr std::size_t k_size = 2048;
  std::string mask(k_size * k_size * 4, '\0');
  for (std::size_t row = 0; row < k_size; ++row)
    for (std::size_t column = 0; column <= row; ++column) mask[(row * k_size + column) * 4 + 3] = '\x3f';
  const std::vector<TensorToWrite> tensors{{"mask", DType::float32, {1, 1, k_size, k_size}, as_bytes(mask)}};
  CHECK(found_in(write_safetensors(tensors, {})).empty());
}
