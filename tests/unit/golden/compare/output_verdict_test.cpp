// SPDX-License-Identifier: Apache-2.0
#include "golden/synthetic.hpp"

#include "catch.hpp"

#include <goldseal/base/messages/error.hpp>
#include <goldseal/golden/compare/output_verdict.hpp>

#include <limits>

using namespace goldseal;
using namespace goldseal::golden;
using namespace goldseal::golden::synthetic;

namespace {

Deviation ratios(double rms, double max) {
  Deviation deviation;
  deviation.rms_ratio = rms;
  deviation.max_ratio = max;
  return deviation;
}

NoiseFloor growth(double a, double b, double linear = 1) {
  NoiseFloor noise;
  noise.rms_amplification = a;
  noise.max_amplification = b;
  noise.linearity = linear;
  return noise;
}

}  // namespace

TEST_CASE("Each lane passes at its limit and fails above it") {
  const double k = 256 * 0x1p-29;
  CHECK(judge_float64(ratios(k, 16 * k), growth(4, 4)).pass);
  CHECK_FALSE(judge_float64(ratios(k * 1.001, k), growth(4, 4)).pass);
  CHECK_FALSE(judge_float64(ratios(k, 16.001 * k), growth(4, 4)).pass);
  CHECK(judge_float64(ratios(4, 64), growth(4, 4, 0.2)).pass);
  CHECK_FALSE(judge_float64(ratios(4.01, 64), growth(4, 4, 0.2)).pass);
  CHECK(judge_float64(ratios(4, 64), growth(4, 4), false).pass);

  CHECK(judge_native_strict(ratios(16 * 5, 256 * 6), growth(5, 6)).pass);
  CHECK_FALSE(judge_native_strict(ratios(16.1 * 5, 0), growth(5, 6)).pass);
  CHECK_FALSE(judge_native_strict(ratios(0, 256.1 * 6), growth(5, 6)).pass);

  CHECK(judge_native_policy(ratios(3 * 0x1p13, (256 + 48 * 0x1p13) * 6), growth(5, 6), 11).pass);
  CHECK_FALSE(judge_native_policy(ratios(3.01 * 0x1p13, 0), growth(5, 6), 11).pass);
  CHECK_FALSE(judge_native_policy(ratios(0, (257 + 48 * 0x1p13) * 6), growth(5, 6), 11).pass);
}

TEST_CASE("A mask that differs, or a ratio that is no number, fails every lane") {
  auto masked = ratios(0, 0);
  masked.mask_mismatches = 1;
  CHECK_FALSE(judge_float64(masked, growth(4, 4)).pass);
  CHECK(judge_float64(masked, growth(4, 4)).mask_differs);
  CHECK_FALSE(judge_native_strict(masked, growth(4, 4)).pass);
  const auto none = ratios(std::numeric_limits<double>::quiet_NaN(), 0);
  CHECK_FALSE(judge_native_strict(none, growth(4, 4)).pass);
  CHECK_FALSE(judge_native_policy(none, growth(4, 4), 8).pass);
}

TEST_CASE("A network that computes in half precision is judged at that") {
  auto noise = growth(4, 4);
  CHECK_FALSE(judge_native(ratios(5e3, 0), noise).pass);
  noise.bits = k_bits_float16;
  CHECK(judge_native(ratios(5e3, 0), noise).pass);
  CHECK_FALSE(judge_native(ratios(5e4, 0), noise).pass);
  noise.bits = k_bits_bfloat16;
  CHECK(judge_native(ratios(5e4, 0), noise).pass);
}

TEST_CASE("Another machine's rounding raises no alarm in any lane") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const Output output(200 + 97 * seed, 1e-6 * static_cast<double>(1 + seed), 3.4, seed);
    for (const double rho : {1.3, 3.4, 8.0, 18.0}) {
      const auto native = compare(output.native(rho, 9000 + seed), output.reference, output.floor);
      CHECK(judge_native_strict(native, output.floor).pass);
    }
    const auto shadow = compare(output.float64(19, 7000 + seed), output.reference, output.floor);
    CHECK(judge_float64(shadow, output.floor).pass);
  }
}

TEST_CASE("The weakest faults that were measured are found in their lane") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const Output output(200 + 97 * seed, 1e-6 * static_cast<double>(1 + seed), 3.4, seed);
    // A single flipped mantissa bit in the shadow, TF32 where it was forbidden, one wrong element.
    CHECK_FALSE(judge_float64(compare(output.float64(1500, seed), output.reference, output.floor), output.floor).pass);
    CHECK_FALSE(
        judge_native_strict(compare(output.native(4000, seed), output.reference, output.floor), output.floor).pass);
    auto values = output.values;
    values[values.size() / 2] += 2048 * 16 * output.noise;
    const auto local = compare(floats({values.begin(), values.end()}), output.reference, output.floor);
    CHECK_FALSE(judge_native_strict(local, output.floor).pass);
    CHECK(local.worst.flat == values.size() / 2);
  }
}

TEST_CASE("The ratio of error to noise names the precision") {
  CHECK(precision_at_work(1e-6) == Precision::float64);
  for (const double rho : {1.3, 3.4, 18.2}) CHECK(precision_at_work(rho) == Precision::float32);
  for (const double rho : {3.9e3, 5.5e3, 2.0e4}) CHECK(precision_at_work(rho) == Precision::tf32_or_float16);
  for (const double rho : {3.3e4, 6e4, 1.0e5}) CHECK(precision_at_work(rho) == Precision::bfloat16);
  for (const double rho : {300.0, 1.2e6, std::numeric_limits<double>::quiet_NaN()}) {
    CHECK(precision_at_work(rho) == Precision::none);
  }
}

TEST_CASE("Two runs agree only if every bit does") {
  CHECK(judge_repeat(floats({1, 2}), floats({1, 2})).equal);
  CHECK_FALSE(judge_repeat(floats({0.0F, 2}), floats({-0.0F, 2})).equal);
  const auto verdict = judge_repeat(floats({1, 2, 3}), floats({1, 2.0000002F, 4}));
  CHECK_FALSE(verdict.equal);
  CHECK(verdict.differing == 2);
  CHECK(verdict.first.flat == 1);
  CHECK_THROWS_AS(judge_repeat(floats({1}), floats({1, 2})), Error);
}
