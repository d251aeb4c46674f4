// SPDX-License-Identifier: Apache-2.0
// B19: a picture's EXIF orientation. The kinds: JPEG and PNG, both orders of bytes, every orientation, square and not,
// channels first and last, the turn alone and beside another order, decoder or resize.
#include <goldseal/golden/images/input_drift.hpp>
#include <goldseal/golden/images/orientation.hpp>
#include <goldseal/golden/images/preprocess.hpp>

#include <catch.hpp>

#include <cstring>
#include <string>
#include <string_view>

using namespace goldseal;
using namespace goldseal::golden;

namespace {

using Kind = InputDrift::Kind;

std::string big(std::uint32_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(value >> (8 * i) & 0xFFU);
  return text;
}

std::string little(std::uint32_t value, int bytes) {
  auto text = big(value, bytes);
  return {text.rbegin(), text.rend()};
}

/// A TIFF of one directory with one entry before the orientation.
std::string tiff(std::uint32_t orientation, bool intel, std::uint32_t type = 3) {
  const auto n = intel ? little : big;
  return (intel ? "II" : "MM") + n(42, 2) + n(8, 4) + n(2, 2) + n(0x010F, 2) + n(2, 2) + n(4, 4) + "abc" +
         std::string(1, 0) + n(0x0112, 2) + n(type, 2) + n(1, 4) + n(orientation, 2) + n(0, 2) + n(0, 4);
}

std::string jpeg(const std::string& exif) {
  const auto body = std::string("Exif\0\0", 6) + exif;
  return "\xFF\xD8\xFF\xE0" + big(4, 2) + "xx" + "\xFF\xFF\xE1" + big(static_cast<std::uint32_t>(body.size() + 2), 2) +
         body + "\xFF\xDA";
}

std::string png(const std::string& exif) {
  const auto chunk = [](std::string_view type, const std::string& body) {
    return big(static_cast<std::uint32_t>(body.size()), 4) + std::string(type) + body + "crc!";
  };
  return "\x89PNG\r\n\x1A\n" + chunk("IHDR", std::string(13, 1)) + chunk("eXIf", exif) + chunk("IEND", "");
}

Orientation read(const std::string& file) { return orientation_of(std::as_bytes(std::span(file))); }

/// Three numbers a pixel that no turn maps onto one another.
Picture scene(std::uint32_t width, std::uint32_t height, Orientation orientation = k_as_stored) {
  Picture picture{width, height, {}, orientation};
  for (std::uint32_t y = 0; y < height; ++y) {
    for (std::uint32_t x = 0; x < width; ++x) {
      for (std::uint32_t c = 0; c < 3; ++c)
        picture.pixels.push_back(static_cast<std::uint8_t>((x * x * 3 + y * 7 + c * 40 + (x > y ? 60 : 0)) % 251));
    }
  }
  return picture;
}

bool mentions(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("B19: the orientation is read from JPEG and PNG, in both orders of bytes") {
  for (Orientation orientation = 1; orientation <= 8; ++orientation) {
    for (const bool intel : {true, false}) {
      const auto exif = tiff(static_cast<std::uint32_t>(orientation), intel);
      CHECK(read(jpeg(exif)) == orientation);
      CHECK(read(png(exif)) == orientation);
    }
  }
}

TEST_CASE("B19: a file that states none, or nonsense, or is cut anywhere, is as it is stored") {
  CHECK(read("") == k_as_stored);
  CHECK(read("neither") == k_as_stored);
  CHECK(read(jpeg(tiff(9, true))) == k_as_stored);
  CHECK(read(jpeg(tiff(0, false))) == k_as_stored);
  CHECK(read(jpeg(tiff(6, true, 4))) == k_as_stored);
  CHECK(read(jpeg("XX")) == k_as_stored);
  for (const auto& whole : {jpeg(tiff(6, true)), png(tiff(6, false))}) {
    for (std::size_t length = 0; length < whole.size(); ++length) {
      const auto found = read(whole.substr(0, length));
      CHECK((found == k_as_stored || found == 6));
    }
    auto looped = whole;
    for (std::size_t i = 8; i < looped.size(); ++i) {
      const auto before = looped[i];
      looped[i] = static_cast<char>(0xFF);
      const auto found = read(looped);
      CHECK((found >= 1 && found <= 8));
      looped[i] = before;
    }
  }
}

TEST_CASE("B19: a tensor that was turned is named with its EXIF orientation, whatever the sizes") {
  const Preprocessing plain{};
  for (const auto& [width, height] : {std::pair{40U, 100U}, std::pair{24U, 24U}}) {
    for (Orientation orientation = 2; orientation <= 8; ++orientation) {
      INFO(orientation << " " << width);
      const auto sealed = preprocess(scene(width, height), plain);
      const auto found = preprocess(oriented(scene(width, height), orientation), plain);
      const auto known = diagnose_input(found, sealed, orientation);
      CHECK(known.kind == Kind::turn);
      CHECK(mentions(known.text, "its EXIF orientation (" + std::to_string(orientation) + ":"));
      CHECK(mentions(known.remedy, "exif_transpose"));
      const auto unknown = diagnose_input(found, sealed);
      CHECK(unknown.kind == (orientation == 2 || orientation == 4 ? Kind::mirror : Kind::turn));
      CHECK(diagnose_input(sealed, found, k_as_stored).kind == unknown.kind);
    }
  }
  CHECK(mentions(describe(6), "90° clockwise"));
}

TEST_CASE("B19: turned and of other channels or another scale: both are named") {
  const Preprocessing plain{};
  auto other = plain;
  other.bgr = true;
  const auto sealed = preprocess(scene(40, 100), plain);
  const auto both = diagnose_input(preprocess(oriented(scene(40, 100), 6), other), sealed, 6);
  CHECK(both.kind == Kind::turn);
  CHECK(mentions(both.text, "BGR"));
  other.bgr = false;
  other.scale = 1;
  CHECK(mentions(diagnose_input(preprocess(oriented(scene(40, 100), 8), other), sealed).text, "255 times"));
}

TEST_CASE("B19: channels may stand last") {
  const auto bytes = [](const Picture& p) { return make_tensor("i", DType::uint8, {p.height, p.width, 3}, p.pixels); };
  const auto drift = diagnose_input(bytes(oriented(scene(12, 9), 6)), bytes(scene(12, 9)), 6);
  CHECK(drift.kind == Kind::turn);
}

TEST_CASE("B19: with declared steps the turn is found before the resize, and beside another one") {
  Preprocessing declared{};
  declared.size = {{32, 32}};
  declared.tolerance = 1;
  const auto picture = scene(40, 100, 6);
  const auto sealed = preprocess(picture, declared);
  const auto turned = diagnose_declared(preprocess(oriented(picture, 6), declared), sealed, picture, declared);
  CHECK(turned.kind == Kind::turn);
  CHECK(mentions(turned.text, "its EXIF orientation (6: turned by 90° clockwise)"));
  auto other = declared;
  other.resize = Preprocessing::Resize::nearest;
  const auto both = diagnose_declared(preprocess(oriented(picture, 6), other), sealed, picture, declared);
  CHECK(both.kind == Kind::turn);
  CHECK(mentions(both.text, "nearest"));
  CHECK(diagnose_declared(sealed, sealed, picture, declared).agrees());
}

TEST_CASE("B19: an unturned picture of other content is not called turned") {
  const Preprocessing plain{};
  const auto other = preprocess(scene(24, 25), plain);
  CHECK(diagnose_input(other, preprocess(scene(24, 24), plain)).kind == Kind::type);
  auto noise = scene(24, 24);
  for (std::size_t i = 0; i < noise.pixels.size(); ++i) noise.pixels[i] = static_cast<std::uint8_t>(i * i * 31 % 253);
  CHECK(diagnose_input(preprocess(noise, plain), preprocess(scene(24, 24), plain)).kind != Kind::turn);
}
