// SPDX-License-Identifier: Apache-2.0
#include <catch.hpp>

#include <goldseal/checkpoint/tensors/element.hpp>

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

using namespace goldseal;

namespace {

// By the definition: a sign, an exponent, a fraction.
double by_definition(std::uint32_t bits, int exponent_bits, int fraction_bits) {
  const double sign = ((bits >> 15U) & 1U) != 0 ? -1 : 1;
  const auto most = (1U << static_cast<unsigned>(exponent_bits)) - 1;
  const auto exponent = (bits >> static_cast<unsigned>(fraction_bits)) & most;
  const auto fraction = bits & ((1U << static_cast<unsigned>(fraction_bits)) - 1);
  const int bias = static_cast<int>(most / 2);
  if (exponent == most)
    return fraction == 0 ? sign * std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
  if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias - fraction_bits);
  return sign * std::ldexp(fraction + (1U << static_cast<unsigned>(fraction_bits)),
                           static_cast<int>(exponent) - bias - fraction_bits);
}

}  // namespace

TEST_CASE("every float16 and bfloat16 is widened to the number that its bits stand for") {
  std::vector<std::uint16_t> patterns(65536);
  for (std::size_t i = 0; i < patterns.size(); ++i) patterns[i] = static_cast<std::uint16_t>(i);
  std::vector<double> half;
  std::vector<double> bfloat;
  to_doubles(std::as_bytes(std::span(patterns)), DType::float16, half);
  to_doubles(std::as_bytes(std::span(patterns)), DType::bfloat16, bfloat);
  REQUIRE(half.size() == patterns.size());
  REQUIRE(bfloat.size() == patterns.size());
  const auto same = [](double a, double b) {
    return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
  };
  std::size_t differing = 0;
  for (std::uint32_t i = 0; i < patterns.size(); ++i)
    differing += (same(half[i], by_definition(i, 5, 10)) ? 0U : 1U) + (same(bfloat[i], by_definition(i, 8, 7)) ? 0U : 1U);
  CHECK(differing == 0);
}
