// SPDX-License-Identifier: Apache-2.0
#include "golden/synthetic.hpp"

#include "catch.hpp"
#include "golden/halves.hpp"

#include <goldseal/base/messages/error.hpp>
#include <goldseal/golden/compare/comparison.hpp>

#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

using namespace goldseal;
using namespace goldseal::golden;
using namespace goldseal::golden::synthetic;

namespace {

constexpr double k_infinity = std::numeric_limits<double>::infinity();
constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

// Every element has the same noise, `s`, and so has the output.
NoiseFloor uniform_noise(std::vector<std::int64_t> shape, double s) {
  std::int64_t count = 1;
  for (const auto size : shape) count *= size;
  NoiseFloor noise;
  noise.response_rms = s;
  noise.floor = s;
  noise.codes =
      make_tensor("", DType::uint8, std::move(shape), std::vector<std::uint8_t>(static_cast<std::size_t>(count), 0));
  return noise;
}

std::vector<double> rounded(std::vector<double> values) {
  for (auto& value : values) value = std::round(value);
  return values;
}

struct Plain {
  double error2 = 0;
  double max_ratio = 0;
  std::size_t worst = 0;
};

// The definition, one element at a time.
Plain plainly(const std::vector<float>& found, const std::vector<double>& reference, const NoiseFloor& noise) {
  Plain result;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double error = std::fabs(static_cast<double>(found[i]) - reference[i]);
    result.error2 += error * error;
    const double ratio = error / noise_of(noise, i, reference[i]);
    if (ratio <= result.max_ratio) continue;
    result.max_ratio = ratio;
    result.worst = i;
  }
  return result;
}

}  // namespace

TEST_CASE("The ratios, the worst element and the plain measures are those worked out by hand") {
  const auto deviation =
      compare(floats({1, 2.5F, -3, 4}, {2, 2}), doubles({1, 2, -3, 4.25}, {2, 2}), uniform_noise({2, 2}, 0.125));
  CHECK(deviation.elements == 4);
  CHECK(deviation.compared == 4);
  CHECK(deviation.rms == Approx(std::sqrt((0.25 + 0.0625) / 4)));
  CHECK(deviation.rms_ratio == Approx(deviation.rms / 0.125));
  CHECK(deviation.max_ratio == 4);
  CHECK(deviation.max_abs == 0.5);
  CHECK(deviation.worst.flat == 1);
  CHECK(deviation.worst.index == std::vector<std::int64_t>{0, 1});
  CHECK(deviation.worst.found == 2.5);
  CHECK(deviation.worst.expected == 2);
  CHECK(deviation.worst_noise == 0.125);
  CHECK(deviation.worst_ulp == 0x1p21);  // 0.5 in units of 2^-22
  CHECK(deviation.cosine.value() == Approx((1 + 5 + 9 + 17) / std::sqrt((1 + 6.25 + 9 + 16) * (1 + 4 + 9 + 18.0625))));
  CHECK(deviation.psnr.value() == Approx(20 * std::log10(4.25 / deviation.rms)));
  CHECK(deviation.top1.value() == 1);
}

TEST_CASE("Equal outputs deviate by nothing") {
  const auto deviation = compare(floats({1, 2, 3}), doubles({1, 2, 3}), uniform_noise({3}, 0));
  CHECK(deviation.rms_ratio == 0);
  CHECK(deviation.max_ratio == 0);
  CHECK(deviation.worst.index.empty());
  CHECK_FALSE(deviation.psnr);
}

TEST_CASE("An error where no noise is allowed is infinitely larger") {
  const auto deviation = compare(floats({1, 0}), doubles({0, 0}), uniform_noise({2}, 0));
  CHECK(deviation.rms_ratio == k_infinity);
  CHECK(deviation.max_ratio == k_infinity);
  CHECK(deviation.worst.flat == 0);
}

TEST_CASE("NaN and infinities must stand at the same places, with their signs") {
  const auto noise = uniform_noise({5}, 1);
  const auto reference = doubles({k_nan, k_infinity, -k_infinity, 1, 2});
  const auto with = [](double a, double b, double c, double d, double e) { return doubles({a, b, c, d, e}); };

  auto deviation = compare(with(k_nan, k_infinity, -k_infinity, 1, 3), reference, noise);
  CHECK(deviation.mask_mismatches == 0);
  CHECK(deviation.non_finite == 3);
  CHECK(deviation.compared == 2);
  CHECK(deviation.rms == Approx(std::sqrt(0.5)));

  deviation = compare(with(k_nan, -k_infinity, -k_infinity, k_nan, 2), reference, noise);
  CHECK(deviation.mask_mismatches == 2);
  CHECK(deviation.first_mismatch.index == std::vector<std::int64_t>{1});
  CHECK(deviation.compared == 1);

  deviation = compare(with(0, k_infinity, -k_infinity, 1, 2), reference, noise);
  CHECK(deviation.mask_mismatches == 1);
  CHECK(deviation.first_mismatch.flat == 0);
}

TEST_CASE("Large outputs with scattered NaN give the same as one element at a time") {
  const std::size_t count = 400'000;
  auto reference = normal(count, 1, 1);
  auto found = plus(reference, normal(count, 1e-6, 2));
  reference[123'456] = found[123'456] = k_nan;
  found[300'001] = k_nan;
  found[390'000] = reference[390'000] + 1;
  const auto deviation = compare(doubles(found), doubles(reference), uniform_noise({400'000}, 1e-6));
  CHECK(deviation.non_finite == 1);
  CHECK(deviation.mask_mismatches == 1);
  CHECK(deviation.first_mismatch.flat == 300'001);
  CHECK(deviation.worst.flat == 390'000);
  CHECK(deviation.max_abs == Approx(1));
  CHECK(deviation.max_ratio == Approx(1e6));
}

TEST_CASE("The fast path agrees with the definition on any size and noise") {
  CHECK(rc::check("kernel = definition", [] {
    const auto count = *rc::gen::inRange<std::size_t>(1, 2000);
    const auto seed = *rc::gen::arbitrary<std::uint64_t>();
    const Output output(count, 1e-6, 3, seed % 1000);
    const auto found = output.native(*rc::gen::inRange(0, 40), seed);
    std::vector<double> widened(count);
    copy_as_double(found, 0, widened);
    const auto expected = plainly({widened.begin(), widened.end()}, output.values, output.floor);
    const auto deviation = compare(found, output.reference, output.floor);
    RC_ASSERT(std::fabs(deviation.rms * deviation.rms * static_cast<double>(count) - expected.error2) <=
              1e-12 * expected.error2);
    // The table of φ and a single φ go through the same doubles.
    RC_ASSERT(deviation.max_ratio == expected.max_ratio);
    RC_ASSERT(expected.max_ratio == 0 || deviation.worst.flat == expected.worst);
  }));
}

TEST_CASE("A tensor of float16 or bfloat16 is compared as the values that it holds") {
  const std::vector<double> values{1, -2.5, 0.1, 65504, 3};
  std::vector<std::uint16_t> half;
  std::vector<std::uint16_t> brain;
  for (const double value : values) half.push_back(half_bits(value, DType::float16));
  for (const double value : values) brain.push_back(half_bits(value, DType::bfloat16));
  const auto noise = uniform_noise({5}, 1e-3);
  const auto as_half = compare(make_tensor("y", DType::float16, {5}, half), doubles(values), noise);
  CHECK(as_half.max_abs == Approx(std::fabs(0.0999755859375 - 0.1)));
  CHECK(as_half.worst_ulp == 0);
  const auto as_brain = compare(make_tensor("y", DType::bfloat16, {5}, brain), doubles(values), noise);
  CHECK(as_brain.max_abs == 32);  // 65504 becomes 65536
  CHECK(as_brain.worst.flat == 3);
}

TEST_CASE("Top-1 counts the rows whose first maximum is at the same place") {
  const auto noise = uniform_noise({3, 2}, 1);
  const auto deviation = compare(floats({1, 2, 5, 4, 0, 1}, {3, 2}), doubles({1, 2, 4, 5, 0, 1}, {3, 2}), noise);
  CHECK(deviation.top1.value() == Approx(2.0 / 3));
  CHECK_FALSE(
      compare(floats({1, 2}, {1, 1, 1, 2}), doubles({1, 2}, {1, 1, 1, 2}), uniform_noise({1, 1, 1, 2}, 1)).top1);
}

TEST_CASE("Top-1 of rows longer than a block looks at the whole row") {
  const std::int64_t row = 100'000;
  auto reference = normal(static_cast<std::size_t>(3 * row), 1, 5);
  reference[99'999] = reference[100'000] = reference[250'000] = 100;
  auto found = reference;
  const auto noise = uniform_noise({3, row}, 1);
  CHECK(compare(doubles(found, {3, row}), doubles(reference, {3, row}), noise).top1.value() == 1);
  found[40'000] = 101;
  CHECK(compare(doubles(found, {3, row}), doubles(reference, {3, row}), noise).top1.value() == Approx(2.0 / 3));
}

TEST_CASE("Top-5 counts the rows whose five largest stand at the same places, in whatever order") {
  const auto top5 = [](const std::vector<double>& found, const std::vector<double>& reference, std::int64_t rows) {
    const std::vector<std::int64_t> shape{rows, static_cast<std::int64_t>(reference.size()) / rows};
    return compare(doubles(found, shape), doubles(reference, shape), uniform_noise(shape, 1)).top5;
  };
  const std::vector<double> reference{1, 2, 3, 4, 5, 6, 7};
  CHECK(top5({1, 2, 7, 6, 5, 4, 3}, reference, 1).value() == 1);
  CHECK(top5({1, 3.5, 3, 4, 5, 6, 7}, reference, 1).value() == 0);
  CHECK(top5({k_nan, 2, 3, 4, 5, 6, 7}, reference, 1).value() == 1);
  CHECK(top5({1, 2, 3, 4, 5, 6, k_nan}, reference, 1).value() == 0);
  // Of equal values the first are taken, on both sides alike; what is masked by -infinity is never among them.
  CHECK(top5({2, 2, 2, 2, 2, 2, 2}, {3, 3, 3, 3, 3, 1, 1}, 1).value() == 1);
  CHECK(top5({0, 0, 0, -k_infinity, -k_infinity, -k_infinity}, {9, 8, 7, -k_infinity, -k_infinity, -k_infinity}, 1)
            .value() == 1);
  CHECK(top5({1, 2, 3, 4, 5, 6, 7, 7, 6, 5, 4, 3, 2, 1}, {1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 5, 6, 7}, 2).value() == 0.5);
  CHECK_FALSE(top5({1, 2, 3, 4, 5}, {1, 2, 3, 4, 5}, 1));
}

TEST_CASE("Top-1 and top-5 of any rows are those of sorted ones") {
  CHECK(rc::check("scan = sort", [] {
    const auto width = *rc::gen::element<std::size_t>(2, 5, 6, 7, 10, 63, 64, 65, 85, 128, 400);
    const auto rows = *rc::gen::inRange<std::size_t>(1, 21);
    const auto seed = *rc::gen::inRange<std::uint64_t>(1, 1'000'000);
    const double noise = *rc::gen::element(0.0, 1e-3, 0.3);
    // A few values that repeat, so that ties are met; some that never count.
    auto reference = rounded(normal(rows * width, 10, seed));
    auto found = rounded(plus(reference, normal(rows * width, 10 * noise, seed + 1)));
    for (std::size_t i = seed % 17; i < found.size(); i += 17)
      found[i] = reference[i] = i % 2 == 0 ? k_nan : -k_infinity;
    const auto places = [&](const std::vector<double>& values, std::size_t row, std::size_t wanted) {
      std::vector<std::size_t> order;
      for (std::size_t i = row * width; i < (row + 1) * width; ++i)
        if (values[i] > -k_infinity) order.push_back(i);
      std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return values[a] > values[b]; });
      order.resize(std::min(order.size(), wanted));
      std::ranges::sort(order);
      return order;
    };
    const auto agreeing = [&](std::size_t wanted) {
      std::size_t same = 0;
      for (std::size_t row = 0; row < rows; ++row)
        if (places(found, row, wanted) == places(reference, row, wanted)) ++same;
      return static_cast<double>(same) / static_cast<double>(rows);
    };
    const std::vector<std::int64_t> shape{static_cast<std::int64_t>(rows), static_cast<std::int64_t>(width)};
    const auto sealed = doubles(reference, shape);
    const auto noise_floor = uniform_noise(shape, 1);
    const std::vector<float> narrow(found.begin(), found.end());
    for (const auto& tensor : {floats(narrow, shape), doubles(found, shape)}) {
      const auto deviation = compare(tensor, sealed, noise_floor);
      RC_ASSERT(deviation.top1.value() == agreeing(1));
      RC_ASSERT(deviation.top5.has_value() == (width >= 6));
      RC_ASSERT(deviation.top5.value_or(-1) == (width >= 6 ? agreeing(5) : -1));
    }
  }));
}

TEST_CASE("Top-5 of rows longer than a block looks at the whole row, and of float16 at its values") {
  const std::int64_t row = 100'000;
  auto reference = normal(static_cast<std::size_t>(2 * row), 1, 5);
  for (const std::size_t place : {3U, 40'000U, 40'001U, 70'000U, 99'999U}) {
    reference[place] = 90 + static_cast<double>(place % 7);
    reference[static_cast<std::size_t>(row) + place] = 90;
  }
  auto found = reference;
  std::swap(found[3], found[70'000]);
  const auto noise = uniform_noise({2, row}, 1);
  CHECK(compare(doubles(found, {2, row}), doubles(reference, {2, row}), noise).top5.value() == 1);
  std::vector<std::uint16_t> half;
  for (const double value : found) half.push_back(half_bits(value, DType::float16));
  CHECK(compare(make_tensor("y", DType::float16, {2, row}, half), doubles(reference, {2, row}), noise).top5.value() ==
        1);
  found[150'000] = 91;
  CHECK(compare(doubles(found, {2, row}), doubles(reference, {2, row}), noise).top5.value() == 0.5);
}

TEST_CASE("Bits are held against the sealed native output") {
  const auto noise = uniform_noise({2}, 1);
  const auto found = floats({1, 2});
  const auto same = floats({1, 2});
  const auto other = floats({1, 2.0000002F});
  CHECK_FALSE(compare(found, doubles({1, 2}), noise).same_bits);
  CHECK(compare(found, doubles({1, 2}), noise, &same).same_bits.value());
  CHECK_FALSE(compare(found, doubles({1, 2}), noise, &other).same_bits.value());
}

TEST_CASE("An output of another shape is an error, not a comparison") {
  CHECK_THROWS_AS(compare(floats({1, 2}), doubles({1, 2, 3}), uniform_noise({3}, 1)), Error);
}

TEST_CASE("Integers are compared exactly, beyond 2^53 too") {
  const std::vector<std::int64_t> values{1, (std::int64_t{1} << 60) + 1, 3};
  const std::vector<std::int64_t> others{1, (std::int64_t{1} << 60) + 2, 4};
  const auto a = make_tensor("i", DType::int64, {3}, values);
  const auto b = make_tensor("i", DType::int64, {3}, others);
  CHECK(compare_exactly(a, a).differing == 0);
  const auto mismatch = compare_exactly(a, b);
  CHECK(mismatch.differing == 2);
  CHECK(mismatch.first.flat == 1);
}

TEST_CASE("masked places of a long row of halves, read in several pieces, leave its largest where they are") {
  constexpr std::int64_t k_row = 4096;
  std::vector<double> reference(k_row, -k_infinity);
  reference[7] = 3;
  reference[90] = 2;
  reference[1000] = 1;
  std::vector<std::uint16_t> halves;
  for (const auto value : reference) halves.push_back(half_bits(value, DType::float16));
  const auto found = make_tensor("y", DType::float16, {1, k_row}, halves);
  const auto deviation = compare(found, doubles(reference, {1, k_row}), uniform_noise({1, k_row}, 1));
  CHECK(deviation.top1.value() == 1);
  CHECK(deviation.top5.value() == 1);
}

TEST_CASE("a row of NaN alone has no largest value, and agrees with none that has one") {
  const auto deviation =
      compare(doubles({k_nan, k_nan, k_nan, k_nan}, {1, 4}), doubles({4, 3, 2, 1}, {1, 4}), uniform_noise({1, 4}, 1));
  CHECK(deviation.top1.value() == 0);
  const auto row_of = [](double value) { return doubles(std::vector<double>(100, value), {1, 100}); };
  CHECK(compare(row_of(k_nan), row_of(-1), uniform_noise({1, 100}, 1)).top1.value() == 0);
}
