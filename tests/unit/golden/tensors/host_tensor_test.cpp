// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"
#include "golden/halves.hpp"

#include <goldseal/base/messages/error.hpp>
#include <goldseal/checkpoint/tensors/half.hpp>
#include <goldseal/golden/tensors/host_tensor.hpp>

#include <rapidcheck.h>

#include <cmath>
#include <limits>

using namespace goldseal;

namespace {

template <typename T>
std::vector<double> widened(DType dtype, std::vector<T> values) {
  const auto count = values.size();
  const auto tensor = make_tensor("t", dtype, {static_cast<std::int64_t>(count)}, std::move(values));
  std::vector<double> result(count);
  copy_as_double(tensor, 0, result);
  return result;
}

}  // namespace

TEST_CASE("Every real type becomes the doubles that it stands for") {
  using Doubles = std::vector<double>;
  CHECK(widened<double>(DType::float64, {0.1, -2}) == Doubles{0.1, -2});
  CHECK(widened<float>(DType::float32, {0.5F, -2}) == Doubles{0.5, -2});
  CHECK(widened<std::uint16_t>(DType::float16, {0x3C00, 0xC000, 0x0001, 0x7BFF, 0x0400}) ==
        Doubles{1, -2, 0x1p-24, 65504, 0x1p-14});
  CHECK(widened<std::uint16_t>(DType::bfloat16, {0x3F80, 0xC000, 0x0001}) == Doubles{1, -2, 0x1p-133});
  CHECK(widened<std::int64_t>(DType::int64, {-5, 1LL << 40}) == Doubles{-5, 0x1p40});
  CHECK(widened<std::int32_t>(DType::int32, {-5}) == Doubles{-5});
  CHECK(widened<std::int16_t>(DType::int16, {-5}) == Doubles{-5});
  CHECK(widened<std::int8_t>(DType::int8, {-5}) == Doubles{-5});
  CHECK(widened<std::uint8_t>(DType::uint8, {250}) == Doubles{250});
  CHECK(widened<std::uint8_t>(DType::boolean, {0, 1}) == Doubles{0, 1});
  CHECK(widened<std::uint64_t>(DType::uint64, {1ULL << 63}) == Doubles{0x1p63});
}

TEST_CASE("A part of a tensor is read from its own offset") {
  const auto tensor = make_tensor("t", DType::int16, {4}, std::vector<std::int16_t>{1, 2, 3, 4});
  std::vector<double> part(2);
  copy_as_double(tensor, 2, part);
  CHECK(part == std::vector<double>{3, 4});
  CHECK(element_as_double(tensor, 1) == 2);
}

TEST_CASE("A type without real values is refused with a way out") {
  const auto tensor = make_tensor("z", DType::complex64, {1}, std::vector<double>{0});
  CHECK_FALSE(converts_to_double(DType::complex64));
  CHECK(converts_to_double(DType::boolean));
  CHECK_THROWS_WITH(element_as_double(tensor, 0), Catch::Contains("found complex64"));
}

TEST_CASE("float16 and bfloat16 infinities and NaN stay what they are") {
  CHECK(std::isinf(float16_to_float(0x7C00)));
  CHECK(float16_to_float(0xFC00) < 0);
  CHECK(std::isnan(float16_to_float(0x7E00)));
  CHECK(std::isnan(bfloat16_to_float(0x7FC0)));
  CHECK(half_bits(std::numeric_limits<double>::infinity(), DType::float16) == 0x7C00);
  CHECK(half_bits(65520, DType::float16) == 0x7C00);  // halfway to the first value out of range
  CHECK(half_bits(65519.99, DType::float16) == 0x7BFF);
  CHECK(std::isnan(float16_to_float(half_bits(std::nan(""), DType::float16))));
  CHECK(std::isnan(bfloat16_to_float(half_bits(std::nan(""), DType::bfloat16))));
}

TEST_CASE("Every float16 comes back from its float, and every finite bfloat16") {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = float16_to_float(half);
    if (!std::isnan(value)) REQUIRE(half_bits(static_cast<double>(value), DType::float16) == half);
    const float brain = bfloat16_to_float(half);
    if (!std::isnan(brain)) REQUIRE(half_bits(static_cast<double>(brain), DType::bfloat16) == half);
  }
}

TEST_CASE("Rounding to float16 picks the nearest of its neighbours") {
  CHECK(rc::check("no neighbour is nearer", [] {
    const double value = *rc::gen::inRange(-6'000'000, 6'000'000) / 128.0 + *rc::gen::inRange(0, 100) * 1e-5;
    const auto half = half_bits(value, DType::float16);
    const double error = std::fabs(static_cast<double>(float16_to_float(half)) - value);
    for (const int step : {-1, 1}) {
      const double other = static_cast<double>(float16_to_float(static_cast<std::uint16_t>(half + step)));
      RC_ASSERT(std::isnan(other) || error <= std::fabs(other - value));
    }
  }));
}

TEST_CASE("Neighbouring floats are one unit apart, across zero too") {
  const float one_up = std::nextafter(1.0F, 2.0F);
  CHECK(ulp_error(static_cast<double>(one_up), 1.0, DType::float32) == 1);
  CHECK(ulp_error(std::nextafter(1.0, 2.0), 1.0, DType::float64) == 1);
  CHECK(ulp_error(1 + 0x1p-10, 1, DType::float16) == 1);
  CHECK(ulp_error(1 + 0x1p-7, 1, DType::bfloat16) == 1);
  const double tiny = static_cast<double>(std::numeric_limits<float>::denorm_min());
  CHECK(ulp_error(tiny, -tiny, DType::float32) == 2);
  CHECK(ulp_error(0.0, -0.0, DType::float32) == 0);
  // The reference is rounded to the type first.
  CHECK(ulp_error(static_cast<double>(0.1F), 0.1, DType::float32) == 0);
  CHECK(std::isinf(ulp_error(std::numeric_limits<double>::infinity(), 1, DType::float32)));
  CHECK(ulp_error(std::nan(""), std::nan(""), DType::float32) == 0);
}

TEST_CASE("A flat index becomes the index that Python would print") {
  CHECK(unravel(0, std::vector<std::int64_t>{}).empty());
  CHECK(unravel(23, std::vector<std::int64_t>{2, 3, 4}) == std::vector<std::int64_t>{1, 2, 3});
  CHECK(unravel(5, std::vector<std::int64_t>{1, 6}) == std::vector<std::int64_t>{0, 5});
}
