// SPDX-License-Identifier: Apache-2.0
// What a report draws: how errors are spread, and inputs as pictures.
#include <goldseal/golden/compare/error_distribution.hpp>
#include <goldseal/golden/images/jpeg.hpp>
#include <goldseal/golden/images/thumbnail.hpp>

#include <catch.hpp>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <span>

namespace goldseal::golden {
namespace {

// A floor of the same response for every element.
NoiseFloor even_noise(std::size_t elements, double response) {
  NoiseFloor noise;
  noise.floor = response;
  noise.codes =
      make_tensor("noise", DType::uint8, {static_cast<std::int64_t>(elements)}, std::vector<std::uint8_t>(elements, 0));
  return noise;
}

TEST_CASE("errors are counted by their power of ten over the noise") {
  const std::vector<double> reference{0, 0, 0, 0, 0, 0};
  const std::vector<double> found{0, 1.5e-6, 2e-5, 9e-5, 5, std::numeric_limits<double>::infinity()};
  const auto bins = error_distribution(make_tensor("y", DType::float64, {6}, found),
                                       make_tensor("y", DType::float64, {6}, reference), even_noise(6, 1e-6));
  // None and what is smaller than the first decade; 1.5; 20 and 90; 5e6. Infinity takes no part.
  REQUIRE(bins.size() == 4);
  CHECK(bins[0] == ErrorBin{k_first_decade, 1});
  CHECK(bins[1] == ErrorBin{0, 1});
  CHECK(bins[2] == ErrorBin{1, 2});
  CHECK(bins[3] == ErrorBin{6, 1});
}

TEST_CASE("every finite element is in one bin, however many blocks there are") {
  constexpr std::size_t k_count = 200'000;
  std::vector<double> reference(k_count, 1);
  std::vector<float> found(k_count);
  for (std::size_t i = 0; i < k_count; ++i) found[i] = 1 + static_cast<float>(i) * 1e-7F;
  const auto bins =
      error_distribution(make_tensor("y", DType::float32, {k_count}, found),
                         make_tensor("y", DType::float64, {k_count}, reference), even_noise(k_count, 1e-7));
  const auto total = std::accumulate(bins.begin(), bins.end(), std::uint64_t{0},
                                     [](auto sum, const ErrorBin& bin) { return sum + bin.count; });
  CHECK(total == k_count);
}

TEST_CASE("a tensor of a picture is drawn small, in its colours, and reads back from JPEG") {
  // Left half red, right half blue, 1x3x480x480.
  constexpr std::size_t k_side = 480;
  std::vector<float> values(3 * k_side * k_side, 0);
  for (std::size_t y = 0; y < k_side; ++y)
    for (std::size_t x = 0; x < k_side; ++x) values[(x < k_side / 2 ? 0 : 2) * k_side * k_side + y * k_side + x] = 1;
  const auto picture = thumbnail_of(make_tensor("image", DType::float32, {1, 3, k_side, k_side}, values));
  REQUIRE(picture);
  CHECK(picture->width == k_thumbnail_side);
  CHECK(picture->height == k_thumbnail_side);
  CHECK(std::vector<std::uint8_t>(picture->pixels.begin(), picture->pixels.begin() + 3) ==
        std::vector<std::uint8_t>{255, 0, 0});
  const auto file = encode_jpeg(*picture, 90);
  const auto again = decode_jpeg("test", std::as_bytes(std::span(file)));
  CHECK(again.width == picture->width);
  REQUIRE(again.pixels.size() == picture->pixels.size());
  // Lossy, and most so where red meets blue.
  int differ = 0;
  for (std::size_t i = 0; i < again.pixels.size(); ++i) differ += std::abs(again.pixels[i] - picture->pixels[i]) > 8;
  CHECK(differ < static_cast<int>(again.pixels.size() / 20));
}

TEST_CASE("a picture whose rows are no multiple of the step is averaged over what there is") {
  // 500 wide, 301 high, channels last, white: any element left out or read twice would show.
  const auto picture =
      thumbnail_of(make_tensor("image", DType::uint8, {301, 500, 3}, std::vector<std::uint8_t>(301 * 500 * 3, 255)));
  REQUIRE(picture);
  CHECK(picture->width == 167);
  CHECK(picture->height == 101);
  CHECK(std::ranges::all_of(picture->pixels, [](auto value) { return value == 255; }));
  std::vector<float> grey(301 * 500);
  for (std::size_t i = 0; i < grey.size(); ++i) grey[i] = static_cast<float>(i / 500) / 300;
  const auto slope = thumbnail_of(make_tensor("image", DType::float32, {1, 301, 500}, grey));
  REQUIRE(slope);
  CHECK(slope->pixels.front() == 1);  // mean of rows 0, 1, 2
  CHECK(slope->pixels.back() == 255);
}

TEST_CASE("channels last, grey and values beyond one are pictures too, a vector is none") {
  const auto tensor = [](std::vector<std::int64_t> shape, float value) {
    std::size_t count = 1;
    for (const auto size : shape) count *= static_cast<std::size_t>(size);
    std::vector<float> values(count, 0);
    values[0] = value;
    return make_tensor("image", DType::float32, std::move(shape), values);
  };
  CHECK(thumbnail_of(tensor({16, 20, 3}, 1))->width == 20);
  const auto grey = thumbnail_of(tensor({1, 16, 20}, 255));
  REQUIRE(grey);
  CHECK(grey->pixels[0] == 255);
  CHECK(grey->pixels[3] == 0);
  CHECK_FALSE(thumbnail_of(tensor({1, 16, 20}, std::numeric_limits<float>::quiet_NaN()))->pixels.empty());
  CHECK_FALSE(thumbnail_of(tensor({1, 1000}, 1)));
  CHECK_FALSE(thumbnail_of(tensor({1, 3, 4, 4}, 1)));
  CHECK_FALSE(thumbnail_of(tensor({1, 64, 52, 52}, 1)));
}

}  // namespace
}  // namespace goldseal::golden
