// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"

#include <goldseal/base/messages/error.hpp>
#include <goldseal/golden/images/preprocess.hpp>
#include <goldseal/golden/images/resize.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

using namespace goldseal;
using namespace goldseal::golden;
using Kind = InputDrift::Kind;
using Resize = Preprocessing::Resize;

namespace {

// Colours that vary smoothly, with edges and some grain: enough for every step to matter.
Picture scene(std::uint32_t width = 96, std::uint32_t height = 64) {
  Picture picture{width, height, {}};
  std::mt19937 random(7);
  const auto add = [&](int level) { picture.pixels.push_back(static_cast<std::uint8_t>(std::clamp(level, 0, 255))); };
  for (int y = 0; y < static_cast<int>(height); ++y) {
    for (int x = 0; x < static_cast<int>(width); ++x) {
      const bool inside = (x / 13 + y / 11) % 2 == 0;
      const auto grain = static_cast<int>(random() % 9);
      add((inside ? 2 * x : 0) + grain);
      add(3 * y + grain);
      add((inside ? 30 : 190) + grain);
    }
  }
  return picture;
}

const Preprocessing k_declared =
    parse_preprocessing("size=40x40,resize=bilinear,letterbox=114,mean=0.4/0.5/0.6,std=0.2");

// What a pipeline with one step otherwise makes of the scene.
InputDrift drift(const std::function<void(Preprocessing&)>& change) {
  auto steps = k_declared;
  change(steps);
  return diagnose_declared(preprocess(scene(), steps), preprocess(scene(), k_declared), scene(), k_declared);
}

}  // namespace

TEST_CASE("A preprocessing is written as it is read") {
  const auto steps = parse_preprocessing(
      "size=416x320,resize=bicubic-antialias,letterbox=0,order=bgr,scale=1,mean=1/2/3,std=4,tolerance=2");
  CHECK(steps.size == std::pair(416U, 320U));
  CHECK(steps.resize == Resize::bicubic_antialias);
  CHECK(steps.deviation[2] == 4);
  CHECK(parse_preprocessing(to_text(steps)) == steps);
  CHECK(parse_preprocessing("size=8x8").tolerance == 1);
  CHECK(parse_preprocessing("order=bgr").tolerance == 0);
}

TEST_CASE("A step that is not known or out of bounds is refused with the form") {
  for (const auto* text : {"size=416", "size=0x5", "resize=lanczos", "letterbox=256", "order=gbr", "scale=0",
                           "mean=1/2", "std=0", "tolerance=-1", "crop=3", "size", ""}) {
    CHECK_THROWS_AS(parse_preprocessing(text), Error);
  }
}

TEST_CASE("Without declared steps a picture is RGB over 255, rounded once") {
  const auto picture = scene(5, 4);
  const auto tensor = preprocess(picture, {});
  CHECK(tensor.shape == std::vector<std::int64_t>{1, 3, 4, 5});
  CHECK(element_as_double(tensor, 20 + 7) ==
        static_cast<double>(static_cast<float>(picture.pixels[3 * 7 + 1]) / 255.0F));
}

TEST_CASE("Resizing leaves a flat picture flat, and takes the nearest, the mean or the smooth of neighbours") {
  for (const auto resize :
       {Resize::nearest, Resize::bilinear, Resize::bilinear_antialias, Resize::bicubic, Resize::bicubic_antialias}) {
    const Picture flat{7, 5, std::vector<std::uint8_t>(7 * 5 * 3, 93)};
    const auto smaller = resized(flat, 3, 4, resize).pixels;
    CHECK(std::ranges::all_of(smaller, [](auto level) { return level == 93; }));
  }
  const Picture step{4, 1, {0, 0, 0, 0, 0, 0, 200, 200, 200, 200, 200, 200}};
  CHECK(resized(step, 2, 1, Resize::nearest).pixels[3] == 200);
  CHECK(resized(step, 2, 1, Resize::bilinear).pixels[0] == 0);
  CHECK(resized(step, 1, 1, Resize::bilinear).pixels[0] == 100);
  CHECK(resized(step, 2, 1, Resize::bilinear_antialias).pixels[0] == 29);
  CHECK(resized(step, 8, 1, Resize::bilinear).pixels[3 * 3] == 50);
}

TEST_CASE("A letterbox keeps the proportions and puts bars of its grey above and below") {
  const auto tensor = preprocess(scene(), parse_preprocessing("size=30x30,letterbox=128"));
  CHECK(element_as_double(tensor, 0) == static_cast<double>(128.0F / 255.0F));
  CHECK(element_as_double(tensor, 29 * 30) == static_cast<double>(128.0F / 255.0F));
  CHECK(element_as_double(tensor, 15 * 30) != static_cast<double>(128.0F / 255.0F));
}

TEST_CASE("The declared preprocessing made again has no drift") {
  CHECK(drift([](auto&) {}).kind == Kind::none);
}

TEST_CASE("Swapped channels are told from a changed picture") {
  const auto found = drift([](Preprocessing& steps) { steps.bgr = true; });
  CHECK(found.kind == Kind::order);
  CHECK(found.text == "its channels are BGR, not RGB as declared");
}

TEST_CASE("F58: another resize is named, whatever the declared one") {
  for (const auto resize : {Resize::nearest, Resize::bilinear_antialias, Resize::bicubic, Resize::bicubic_antialias}) {
    const auto found = drift([&](Preprocessing& steps) { steps.resize = resize; });
    CHECK(found.kind == Kind::resize);
    CHECK(found.text ==
          std::string("it is resized by ") + std::string(to_string(resize)) + ", not by bilinear as declared");
  }
  const auto both = drift([](Preprocessing& steps) {
    steps.resize = Resize::nearest;
    steps.bgr = true;
  });
  CHECK(both.text == "it is resized by nearest, not by bilinear as declared, and its channels are BGR, not RGB");
}

TEST_CASE("A picture that is stretched, or has bars of another grey, is named") {
  CHECK(drift([](Preprocessing& steps) { steps.letterbox.reset(); }).text ==
        "it is stretched to the size, not padded with grey 114 as declared");
  CHECK(drift([](Preprocessing& steps) { steps.letterbox = 0; }).text ==
        "it is padded with grey 0, not padded with grey 114 as declared");
}

TEST_CASE("Another scale and a normalisation left out are named") {
  CHECK(drift([](Preprocessing& steps) { steps.scale = 256; }).text == "it is divided by 256, not by 255 as declared");
  const auto plain = drift([](Preprocessing& steps) {
    steps.mean = {0, 0, 0};
    steps.deviation = {1, 1, 1};
  });
  CHECK(plain.kind == Kind::normalise);
}

TEST_CASE("A decoder that differs by some levels is no resize, and one level is within the tolerance") {
  const auto sealed = preprocess(scene(), k_declared);
  std::mt19937 random(3);
  const auto moved = [&](int levels) {
    std::vector<double> values(sealed.numel());
    copy_as_double(sealed, 0, values);
    for (auto& value : values) {
      const auto step = static_cast<int>(random() % static_cast<unsigned>(2 * levels + 1)) - levels;
      value += step / 255.0 / 0.2;
    }
    return narrowed("", DType::float32, sealed.shape, values);
  };
  CHECK(diagnose_declared(moved(1), sealed, scene(), k_declared).kind == Kind::rounding);
  const auto far = diagnose_declared(moved(4), sealed, scene(), k_declared);
  CHECK(far.kind == Kind::decoder);
}
