// SPDX-License-Identifier: Apache-2.0
#include "golden/synthetic.hpp"

#include "catch.hpp"
#include "golden/halves.hpp"

#include <goldseal/base/messages/error.hpp>

#include <rapidcheck.h>

#include <limits>

using namespace goldseal;
using namespace goldseal::golden;
using namespace goldseal::golden::synthetic;

namespace {

constexpr double k_infinity = std::numeric_limits<double>::infinity();
constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST_CASE("s is the root of the mean squared response, element by element") {
  NoiseProbe probe(doubles({1, 2, 4}));
  probe.add_response(1, doubles({1 + 3e-7, 2, 4 - 1e-7}));
  probe.add_response(2, doubles({1 + 4e-7, 2 + 2e-7, 4}));
  const auto noise = probe.finish();
  const std::vector<double> s{std::sqrt((9e-14 + 16e-14) / 2), std::sqrt(4e-14 / 2), std::sqrt(1e-14 / 2)};
  CHECK(noise.response_rms == Approx(std::sqrt((s[0] * s[0] + s[1] * s[1] + s[2] * s[2]) / 3)));
  CHECK(noise.floor == Approx(s[1] / 4));
  CHECK(noise_of(noise, 0, 0) == Approx(s[0]).epsilon(0.001));
  CHECK(noise_of(noise, 1, 0) == Approx(s[1]).epsilon(0.01));
  CHECK(noise_of(noise, 2, 0) == Approx(s[2]).epsilon(0.001));
  // Of a large element the rounding of its own float32 value is the larger noise.
  CHECK(noise_of(noise, 2, 4) == 0x1p-23 * 4);
}

TEST_CASE("The response is never below half a rounding of the output's own size") {
  NoiseProbe probe(doubles({3, 4}));
  probe.add_response(1, doubles({3, 4}));
  CHECK(probe.finish().response_rms == Approx(0x1p-25 * std::sqrt(12.5)));
}

TEST_CASE("A network that is float64 throughout responds in proportion, one with a float32 layer does not") {
  NoiseProbe pure(doubles({1, 2}));
  pure.add_response(7, doubles({1 + 0x1p-24, 2 - 0x1p-24}));
  pure.add_fine(7, doubles({1 + 0x1p-44, 2 - 0x1p-44}));
  CHECK(pure.finish().linearity == Approx(1).epsilon(1e-6));
  CHECK(pure.finish().pure());

  NoiseProbe deaf(doubles({1, 2}));  // the float32 layer swallows the small change
  deaf.add_response(7, doubles({1 + 0x1p-24, 2 - 0x1p-24}));
  deaf.add_fine(7, doubles({1, 2}));
  CHECK_FALSE(deaf.finish().pure());

  NoiseProbe jumpy(doubles({1, 2}));  // or turns it into a whole rounding
  jumpy.add_response(7, doubles({1 + 0x1p-24, 2 - 0x1p-24}));
  jumpy.add_fine(7, doubles({1 + 0x1p-24, 2}));
  CHECK_FALSE(jumpy.finish().pure());
}

TEST_CASE("The second probe is held against the seeds that it shares with the first") {
  NoiseProbe probe(doubles({1}));
  probe.add_response(1, doubles({1 + 0x1p-24}));
  probe.add_response(2, doubles({1 + 0x1p-20}));
  probe.add_fine(1, doubles({1 + 0x1p-44}));
  CHECK(probe.finish().linearity == Approx(1).epsilon(1e-6));
}

TEST_CASE("Runs are enough once the response is known to a tenth, after three at least") {
  const auto with = [](std::vector<double> responses) {
    NoiseProbe probe(doubles({1, 1}));
    std::int64_t seed = 0;
    for (const double response : responses) probe.add_response(++seed, doubles({1 + response, 1 - response}));
    return probe.settled();
  };
  CHECK_FALSE(with({}));
  CHECK_FALSE(with({1e-7, 1e-7}));
  CHECK(with({1e-7, 1e-7, 1e-7}));
  CHECK(with({0, 0, 0}));
  // sd(q) / (2 mean(q) sqrt(K)) of q = 1, 4, 1: 1.73 / (2 · 2 · 1.73) = 0.25; of 1, 4, 1, 4, 1, 4: 0.13.
  CHECK_FALSE(with({1e-7, 2e-7, 1e-7}));
  CHECK_FALSE(with({1e-7, 2e-7, 1e-7, 2e-7, 1e-7, 2e-7}));
  CHECK(with({1e-7, 1.5e-7, 1e-7, 1.5e-7, 1e-7, 1.5e-7, 1e-7, 1.5e-7}));
}

TEST_CASE("A float32 run that was moved 256 times as far counts a 256th") {
  constexpr double k_factor = 1.0 / 256;
  const auto reference = doubles({1, 2, k_infinity, 3, 4});
  const auto unmoved = floats({1.25F, 2, 7, std::numeric_limits<float>::infinity(), 4});
  const auto moved = floats({1.75F, 1, 9, 5, std::numeric_limits<float>::quiet_NaN()});
  const auto found = rescaled_response(reference, unmoved, moved, k_factor);
  CHECK(found.dtype == DType::float64);
  CHECK(element_as_double(found, 0) == 1 + 0.5 / 256);
  CHECK(element_as_double(found, 1) == 2 - 1.0 / 256);
  CHECK(element_as_double(found, 2) == k_infinity);  // takes no part
  CHECK(element_as_double(found, 3) == 3);           // a fault of the unmoved run's, which is judged by itself
  CHECK(std::isnan(element_as_double(found, 4)));    // unstable
  CHECK_THROWS_AS(rescaled_response(reference, unmoved, floats({1}), k_factor), Error);
  CHECK_THROWS_AS(rescaled_response(reference, floats({1}), moved, k_factor), Error);
}

TEST_CASE("The floor of native runs is at least the response where steps decide which elements move") {
  NoiseProbe probe(doubles({1, 1, 1, 1}));
  probe.add_response(1, doubles({1, 1, 1, 1 + 4e-7}));
  CHECK(native_floor(probe, true).floor == native_floor(probe, true).response_rms);
  CHECK(native_floor(probe, false).floor == 0);
  CHECK(native_floor(probe, false).native);
  CHECK_FALSE(native_floor(probe, false).pure());
}

TEST_CASE("A code gives its response back within the stated bound, whatever the spread") {
  CHECK(rc::check("decoded / true within 2^(step/2)", [] {
    const auto exponents = *rc::gen::nonEmpty(rc::gen::container<std::vector<int>>(rc::gen::inRange(-900, -20)));
    std::vector<double> reference(exponents.size(), 0);
    std::vector<double> moved;
    for (const int exponent : exponents) moved.push_back(std::exp2(exponent / 20.0));
    NoiseProbe probe(doubles(reference));
    probe.add_response(1, doubles(moved));
    const auto noise = probe.finish();
    RC_ASSERT(noise.step <= 64.0 / 254);
    for (std::size_t i = 0; i < moved.size(); ++i) {
      const double expected = std::max(moved[i], noise.floor);
      const double ratio = noise_of(noise, i, 0) / expected;
      RC_ASSERT(std::fabs(std::log2(ratio)) <= noise.step / 2 + 1e-9);
    }
  }));
}

TEST_CASE("A spread beyond 64 octaves raises the smallest responses, never lowers one") {
  NoiseProbe probe(doubles({0, 0, 0, 0, 0}));
  probe.add_response(1, doubles({0, 0, 0, 1e-40, 1}));
  const auto noise = probe.finish();
  CHECK(noise.floor == 0);
  CHECK(noise_of(noise, 0, 0) == 0);
  CHECK(noise_of(noise, 3, 0) == 0x1p-64);
  CHECK(noise_of(noise, 4, 0) == Approx(1));
}

TEST_CASE("Native runs widen the amplifications, never below 4") {
  NoiseProbe probe(doubles({1, 1, 1, 1}));
  probe.add_response(1, doubles({1 + 0x1p-22, 1 - 0x1p-22, 1 + 0x1p-22, 1 - 0x1p-22}));
  auto noise = probe.finish();
  calibrate(noise, doubles({1, 1, 1, 1}), doubles({1, 1, 1, 1}));
  CHECK(noise.rms_amplification == 4);
  CHECK(noise.max_amplification == 4);
  calibrate(noise, doubles({1, 1, 1, 1}), doubles({1 + 10 * 0x1p-22, 1 - 10 * 0x1p-22, 1 + 10 * 0x1p-22, 1}));
  CHECK(noise.rms_amplification == Approx(10 * std::sqrt(0.75)));
  CHECK(noise.max_amplification == noise.rms_amplification);
  calibrate(noise, doubles({1, 1, 1, 1}), doubles({1 + 320 * 0x1p-22, 1, 1, 1}));
  CHECK(noise.max_amplification == Approx(160));  // its rms, 320/2, is larger than 320/16
}

TEST_CASE("What a network computes with counts only where float32 cannot explain its run") {
  NoiseProbe probe(doubles({1, 1, 1, 1}));
  probe.add_response(1, doubles({1 + 0x1p-22, 1 - 0x1p-22, 1 + 0x1p-22, 1 - 0x1p-22}));
  const auto floor = probe.finish();
  const auto settled = [&](const HostTensor& native, int bits) {
    auto noise = floor;
    settle_precision(noise, doubles({1, 1, 1, 1}), native, bits);
    calibrate(noise, doubles({1, 1, 1, 1}), native);
    return noise;
  };
  const auto coarse = floats({1 + 0x1p-9F, 1 - 0x1p-9F, 1 + 0x1p-9F, 1 - 0x1p-9F});
  CHECK(settled(coarse, k_bits_float32).bits == k_bits_float32);
  CHECK(settled(coarse, k_bits_float32).rms_amplification == 0x1p13);
  CHECK(settled(coarse, k_bits_bfloat16).bits == k_bits_bfloat16);
  CHECK(settled(coarse, k_bits_bfloat16).rms_amplification == 4);
  const auto fine = floats({1 + 0x1p-20F, 1 - 0x1p-20F, 1, 1});
  CHECK(settled(fine, k_bits_bfloat16).bits == k_bits_float32);
  // An output of a narrower type says so itself.
  std::vector<std::uint16_t> halves;
  for (const auto sign : {1, -1, 1, -1}) halves.push_back(half_bits(1 + sign * 0x1p-7, DType::bfloat16));
  CHECK(settled(make_tensor("y", DType::bfloat16, {4}, halves), k_bits_float32).bits == k_bits_bfloat16);
}

TEST_CASE("Elements that are not finite take no part in the noise") {
  NoiseProbe probe(doubles({1, k_nan, k_infinity, 1}));
  probe.add_response(1, doubles({1 + 0x1p-24, k_nan, k_infinity, 1 - 0x1p-24}));
  const auto noise = probe.finish();
  CHECK(noise.response_rms == Approx(0x1p-24));
  CHECK(noise.floor == Approx(0x1p-26));
  CHECK(probe.unstable() == 0);
}

TEST_CASE("Goldens that prove nothing are refused, with the reason") {
  const auto noise_for = [](const HostTensor& reference, const HostTensor& moved) {
    NoiseProbe probe(reference);
    probe.add_response(1, moved);
    return probe.finish();
  };
  const auto nothing = doubles({k_nan, k_infinity});
  auto objections = collect_objections(nothing, noise_for(nothing, nothing));
  REQUIRE(objections.size() == 1);
  CHECK(objections[0].refuse);
  CHECK(objections[0].message == "has no finite element");

  const auto constant = doubles({5, 5, 5});
  objections = collect_objections(constant, noise_for(constant, constant));
  REQUIRE(objections.size() == 1);
  CHECK(objections[0].refuse);
  CHECK(objections[0].message == "does not respond to small changes of the weights or the inputs at all");
  objections = collect_objections(constant, noise_for(constant, constant), 0, /*others_respond=*/true);
  REQUIRE(objections.size() == 1);
  CHECK_FALSE(objections[0].refuse);

  const auto sound = doubles({1, 2});
  auto noise = noise_for(sound, doubles({1 + 1e-7, 2 - 1e-7}));
  CHECK(collect_objections(sound, noise).empty());
  calibrate(noise, sound, doubles({1 + 1e-5, 2}));  // a hundred times the response
  objections = collect_objections(sound, noise);
  REQUIRE(objections.size() == 1);
  CHECK(objections[0].refuse);
  CHECK_THAT(objections[0].message, Catch::Contains("at most 64 is believed"));
}

TEST_CASE("An output that overflows natively and not in float64 is refused") {
  const auto reference = doubles({1, 70000});
  NoiseProbe probe(reference);
  probe.add_response(1, doubles({1 + 1e-7, 70000 + 1e-3}));
  auto noise = probe.finish();
  calibrate(noise, reference, make_tensor("y", DType::float16, {2}, std::vector<std::uint16_t>{0x3C00, 0x7C00}));
  const auto objections = collect_objections(reference, noise);
  REQUIRE(objections.size() == 1);
  CHECK(objections[0].refuse);
  CHECK_THAT(objections[0].message, Catch::Contains("1 of 2 elements in a native run alone"));
}

TEST_CASE("Other inputs differ from an input in its order, its size, its sum") {
  const auto moved = other_inputs(floats({1, 2, 4}));
  REQUIRE(moved.size() == 4);
  CHECK(element_as_double(moved[0], 0) == 2 * 1.0625);
  CHECK(element_as_double(moved[0], 2) == 1.0625);
  CHECK(element_as_double(moved[1], 0) == 4);
  CHECK(element_as_double(moved[2], 2) == 1);
  CHECK(element_as_double(moved[3], 0) == 4);
  // Two that change no bit, or the same bits as another, are left out.
  CHECK(other_inputs(make_tensor("i", DType::int64, {2}, std::vector<std::int64_t>{3, 4})).size() == 3);
  CHECK(other_inputs(make_tensor("i", DType::int64, {2}, std::vector<std::int64_t>{3, 3})).empty());
  CHECK(other_inputs(floats({0, 0})).empty());
  CHECK(other_inputs(floats({})).empty());
}

TEST_CASE("Partly finite and unstable goldens are warned of") {
  const auto partly = doubles({1, k_infinity, 2});
  NoiseProbe probe(partly);
  probe.add_response(1, doubles({1 + 1e-7, k_infinity, k_infinity}));
  const auto objections = collect_objections(partly, probe.finish(), probe.unstable());
  REQUIRE(objections.size() == 2);
  CHECK_FALSE(objections[0].refuse);
  CHECK(objections[0].message == "is not finite in 1 of 3 elements");
  CHECK(objections[1].message == "becomes infinite or NaN under one rounding in 1 of 2 elements");
}

TEST_CASE("A run of another shape, or none, is refused") {
  NoiseProbe probe(doubles({1, 2}));
  CHECK_THROWS_AS(probe.finish(), Error);
  CHECK_THROWS_AS(probe.add_response(1, doubles({1, 2, 3})), Error);
  CHECK_THROWS_AS(probe.add_response(1, floats({1, 2})), Error);
  CHECK_THROWS_AS(NoiseProbe(floats({1})), Error);
}
