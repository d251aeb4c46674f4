// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"

#include <goldseal/golden/images/input_drift.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

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

TEST_CASE("F56: BGR for RGB is named") {
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

TEST_CASE("F57: a decoder's grey levels, a resize's edges and a layout are told apart") {
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

TEST_CASE("Values that went through a narrower type are no decoder's") {
  const auto narrowed = [](int bits) {
    return drift([bits](auto c, auto y, auto x) {
      int exponent = 0;
      const double significand = std::frexp(static_cast<double>(sealed_at(c, y, x)), &exponent);
      return static_cast<float>(std::ldexp(std::nearbyint(std::ldexp(significand, bits)), exponent - bits));
    });
  };
  for (const auto& [bits, name] : {std::pair{11, "float16"}, std::pair{8, "bfloat16"}}) {
    const auto found = narrowed(bits);
    CHECK(found.kind == Kind::type);
    CHECK_THAT(found.text, Catch::EndsWith(std::string(" ") + name));
  }
  // Grey levels as they stand fit into eight bits, and are no rounded share of 255.
  CHECK(drift([](auto c, auto y, auto x) { return std::round(sealed_at(c, y, x) * 255); }).kind == Kind::scale);
}

TEST_CASE("Two changed steps are both named, with the cures of both") {
  const auto noise = [](std::size_t c, std::size_t y, std::size_t x) {
    return static_cast<float>(static_cast<int>((x * 7 + y * 13 + c * 5) % 5) - 2) / 255;
  };
  const auto halved = [](std::size_t c, std::size_t y, std::size_t x) {
    const auto at = [&](double dy, double dx) {
      return pixel(c, static_cast<double>(y) + dy, static_cast<double>(x) + dx);
    };
    return 0.25F * (at(-0.5, -0.5) + at(-0.5, 0.5) + at(0.5, -0.5) + at(0.5, 0.5));
  };
  const auto expect = [](const InputDrift& found, Kind kind, const std::vector<std::string>& texts,
                         const std::string& remedy) {
    INFO(found.text << " / " << found.remedy);
    CHECK(found.kind == kind);
    for (const auto& text : texts) CHECK_THAT(found.text, Catch::Contains(text));
    CHECK(found.remedy == remedy);
  };
  const std::string reverse = "reverse the channels: image[:, [2, 1, 0]]";
  const std::string decode = "decode with the same library and version, or seal a lossless picture";
  const std::string resize = "use the same resize: the same library, interpolation, antialiasing and rounding";

  expect(drift([&](auto c, auto y, auto x) { return sealed_at(2 - c, y, x) + noise(c, y, x); }), Kind::order,
         {"BGR", "beyond that, it differs by up to", "decoder"}, reverse + ", and " + decode);
  expect(drift([&](auto c, auto y, auto x) { return halved(2 - c, y, x); }), Kind::order, {"BGR", "interpolation"},
         reverse + ", and " + resize);
  expect(drift([&](auto c, auto y, auto x) { return 255 * sealed_at(2 - c, y, x); }), Kind::order,
         {"BGR", "it is 255 times the sealed one"}, reverse + ", and divide by 255");
  expect(drift([&](auto c, auto y, auto x) { return sealed_at(2 - c, y, k_side - 1 - x); }), Kind::order,
         {"BGR", "mirrored left to right"}, reverse + ", and do not flip the picture");
  expect(drift([&](auto c, auto y, auto x) { return x == 0 ? 0.5F : sealed_at(2 - c, y, x - 1); }), Kind::order,
         {"BGR", "shifted by 1 pixels right"}, reverse + ", and use the sealed padding, crop and rounding of sizes");
  expect(drift([&](auto c, auto y, auto x) { return sealed_at(c, k_side - 1 - y, x) + noise(c, y, x); }), Kind::mirror,
         {"mirrored top to bottom", "decoder"}, "do not flip the picture, and " + decode);
  expect(drift([&](auto c, auto y, auto x) { return 255 * (sealed_at(c, y, x) + noise(c, y, x)); }), Kind::scale,
         {"it is 25", "times the sealed one", "grey levels all over"}, "divide by 255, and " + decode);
  expect(drift([&](auto c, auto y, auto x) {
           return (halved(c, y, x) - std::array{0.485F, 0.456F, 0.406F}[c]) / std::array{0.229F, 0.224F, 0.225F}[c];
         }),
         Kind::normalise, {"normalised otherwise", "interpolation"},
         "use the sealed means and deviations, in the sealed order, and " + resize);
}

TEST_CASE("Channels are reversed wherever a picture has them, and nothing else is") {
  const auto reversed = [](std::vector<std::int64_t> shape, std::vector<std::uint8_t> values) {
    const auto result = channels_reversed(make_tensor("x", DType::uint8, shape, std::move(values)));
    std::vector<int> found;
    if (result) CHECK(result->shape == shape);
    for (std::size_t i = 0; result && i < result->numel(); ++i)
      found.push_back(static_cast<int>(element_as_double(*result, i)));
    return found;
  };
  const std::vector<std::uint8_t> counted{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  CHECK(reversed({2, 3, 1, 2}, counted) == std::vector<int>{5, 6, 3, 4, 1, 2, 11, 12, 9, 10, 7, 8});
  CHECK(reversed({3, 2, 2}, counted) == std::vector<int>{9, 10, 11, 12, 5, 6, 7, 8, 1, 2, 3, 4});
  CHECK(reversed({1, 2, 2, 3}, counted) == std::vector<int>{3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10});
  CHECK(reversed({3, 4}, counted).empty());
  CHECK(reversed({1, 4, 3, 1}, counted).empty());
  CHECK(reversed({1, 3, 2, 2}, {1, 2, 3, 4, 9, 9, 9, 9, 1, 2, 3, 4}).empty());
  CHECK(drift([](auto c, auto y, auto x) { return sealed_at(2 - c, y, x); }).kind == Kind::order);
  CHECK(diagnose_input(*channels_reversed(sealed()), sealed()).kind == Kind::order);
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
