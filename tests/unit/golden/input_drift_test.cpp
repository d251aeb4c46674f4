// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"

#include <goldseal/golden/input_drift.hpp>

#include <cmath>
#include <functional>

using namespace goldseal;
using namespace goldseal::golden;

namespace {

using Kind = InputDrift::Kind;

constexpr std::size_t k_side = 48;

// A picture with smooth parts, edges and texture, in grey levels over 255.
float pixel(std::size_t colour, double y, double x) {
  const double smooth = 0.4 + 0.3 * std::sin(0.11 * x + static_cast<double>(colour)) * std::cos(0.07 * y);
  const double edge = std::fmod(x + 2 * y, 23) < 9 ? 0.25 : 0;
  return static_cast<float>(std::round((smooth + edge) * 255) / 255);
}

using Pixel = std::function<float(std::size_t, std::size_t, std::size_t)>;

HostTensor picture(const Pixel& at) {
  std::vector<float> values;
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t y = 0; y < k_side; ++y) {
      for (std::size_t x = 0; x < k_side; ++x) values.push_back(at(c, y, x));
    }
  }
  return make_tensor("image", DType::float32, {1, 3, k_side, k_side}, std::move(values));
}

float sealed_at(std::size_t c, std::size_t y, std::size_t x) {
  return pixel(c, static_cast<double>(y), static_cast<double>(x));
}
HostTensor sealed() { return picture(sealed_at); }

InputDrift drift(const Pixel& at) { return diagnose_input(picture(at), sealed()); }

}  // namespace

TEST_CASE("The sealed picture itself has no drift, and rounding is no drift either") {
  CHECK(drift(sealed_at).kind == Kind::none);
  const auto rounded = drift([](auto c, auto y, auto x) { return std::nextafter(sealed_at(c, y, x), 2.0F); });
  CHECK(rounded.kind == Kind::rounding);
  CHECK(rounded.agrees());
  CHECK(rounded.differing_share == 1);
}

TEST_CASE("BGR for RGB is named") {
  const auto found = drift([](auto c, auto y, auto x) { return sealed_at(2 - c, y, x); });
  CHECK(found.kind == Kind::order);
  CHECK_FALSE(found.agrees());
  CHECK_THAT(found.text, Catch::Contains("BGR"));
}

TEST_CASE("A forgotten division, a second one and 256 for 255 are named with their cure") {
  const auto remedy = [](float factor) {
    const auto found = drift([=](auto c, auto y, auto x) { return sealed_at(c, y, x) * factor; });
    CHECK(found.kind == Kind::scale);
    return found.remedy;
  };
  CHECK(remedy(255) == "divide by 255");
  CHECK(remedy(1 / 255.0F) == "do not divide by 255 twice");
  CHECK(remedy(255 / 256.0F) == "divide by 255, not by 256");
}

TEST_CASE("Other means and deviations are named, with the channels' own numbers") {
  const auto found = drift([](auto c, auto y, auto x) {
    const float mean = std::array{0.485F, 0.456F, 0.406F}[c];
    const float deviation = std::array{0.229F, 0.224F, 0.225F}[c];
    return (sealed_at(c, y, x) - mean) / deviation;
  });
  CHECK(found.kind == Kind::normalise);
  CHECK_THAT(found.text, Catch::Contains("4.36681 times the sealed one plus -2.1179"));
}

TEST_CASE("Mirrored and shifted pictures are named") {
  CHECK(drift([](auto c, auto y, auto x) { return sealed_at(c, y, k_side - 1 - x); }).text ==
        "it is mirrored left to right");
  CHECK(drift([](auto c, auto y, auto x) { return sealed_at(c, k_side - 1 - y, x); }).text ==
        "it is mirrored top to bottom");
  const auto found = drift([](auto c, auto y, auto x) { return x == 0 ? 0.5F : sealed_at(c, y, x - 1); });
  CHECK(found.kind == Kind::shift);
  CHECK(found.text == "it is shifted by 1 pixels right and 0 down");
}

TEST_CASE("A decoder's grey levels, a resize's edges and a layout are told apart") {
  const auto decoder = drift([](auto c, auto y, auto x) {
    const int level = static_cast<int>((x * 7 + y * 13 + c * 5) % 3) - 1;
    return sealed_at(c, y, x) + static_cast<float>(level) / 255;
  });
  CHECK(decoder.kind == Kind::decoder);

  const auto resize = drift([](auto c, auto y, auto x) {
    const auto at = [&](double dy, double dx) {
      return pixel(c, static_cast<double>(y) + dy, static_cast<double>(x) + dx);
    };
    return 0.25F * (at(-0.5, -0.5) + at(-0.5, 0.5) + at(0.5, -0.5) + at(0.5, 0.5));
  });
  CHECK(resize.kind == Kind::resize);

  const auto layout = diagnose_input(
      make_tensor("image", DType::float32, {1, k_side, k_side, 3}, std::vector<float>(3 * k_side * k_side)), sealed());
  CHECK(layout.kind == Kind::layout);
  CHECK_THAT(layout.remedy, Catch::Contains("permute(0, 3, 1, 2)"));
}

TEST_CASE("Anything else is other, and a shape or type of its own is told as that") {
  CHECK(drift([](auto c, auto y, auto x) {
          return pixel(c, 3.0 * static_cast<double>(x) + 1, 2.0 * static_cast<double>(y));
        }).kind == Kind::other);
  CHECK(diagnose_input(make_tensor("image", DType::float32, {1}, std::vector<float>{0}), sealed()).kind == Kind::type);
  const auto ids = make_tensor("ids", DType::int64, {2}, std::vector<std::int64_t>{3, 4});
  CHECK(diagnose_input(ids, ids).kind == Kind::none);
  CHECK(diagnose_input(make_tensor("ids", DType::int32, {2}, std::vector<std::int32_t>{3, 4}), ids).kind == Kind::type);
}
