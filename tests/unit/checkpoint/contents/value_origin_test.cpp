// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/contents/value_origin.hpp>

#include <goldseal/checkpoint/tensors/half.hpp>

#include <catch.hpp>

#include <algorithm>
#include <span>
#include <string>
#include <vector>

using namespace goldseal;

namespace {

const std::vector<std::int64_t> k_shape{4, 3};
const std::vector<float> k_values{0.1F, 0.2F, 0.3F, 1.1F, 1.2F, 1.3F, 2.1F, 2.2F, 2.3F, 3.1F, 3.2F, 3.3F};

std::string origin(const std::vector<float>& a, const std::vector<float>& b, const std::vector<std::int64_t>& shape_b = k_shape) {
  return value_origin({DType::float32, k_shape, std::as_bytes(std::span(a))}, {DType::float32, shape_b, std::as_bytes(std::span(b))});
}

template <typename Change>
std::vector<float> each(Change change) {
  auto values = k_values;
  std::ranges::transform(values, values.begin(), change);
  return values;
}

}  // namespace

TEST_CASE("B15: values that were exchanged, reordered or rounded are told by the bytes of both files") {
  auto rows = k_values;
  std::rotate(rows.begin(), rows.begin() + 3, rows.end());
  CHECK(origin(k_values, rows) == "its rows in another order");
  CHECK(origin(k_values, each(round_to_float16)) == "rounded to float16");
  CHECK(origin(k_values, each(round_to_bfloat16)) == "rounded to bfloat16");
  std::vector<float> columns;
  for (std::size_t column = 0; column < 3; ++column)
    for (std::size_t row = 0; row < 4; ++row) columns.push_back(k_values[row * 3 + column]);
  CHECK(origin(k_values, columns, {3, 4}) == "transposed");
}

TEST_CASE("other values have no origin in those of A") {
  auto one = k_values;
  one[5] = 9;
  CHECK(origin(k_values, one).empty());
  CHECK(origin(k_values, each([](float value) { return value + 1e-6F; })).empty());
  CHECK(origin(k_values, std::vector<float>(6, 1.0F), {2, 3}).empty());
  auto element = k_values;
  std::swap(element[0], element[4]);  // of two rows: neither is whole
  CHECK(origin(k_values, element).empty());
}
