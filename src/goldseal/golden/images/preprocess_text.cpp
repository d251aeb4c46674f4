// SPDX-License-Identifier: Apache-2.0
// The steps of a preprocessing travel as one line of text, on the command line and in the manifest.
// This file parses and writes that line. preprocess.cpp carries the steps out.
#include <goldseal/golden/images/preprocess.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

namespace goldseal::golden {
namespace {

using Resize = Preprocessing::Resize;

constexpr std::uint32_t k_largest_side = 1U << 16U;
constexpr std::array<std::pair<Resize, std::string_view>, 6> k_resizes{
    {{Resize::nearest, "nearest"},
     {Resize::nearest_exact, "nearest-exact"},
     {Resize::bilinear, "bilinear"},
     {Resize::bilinear_antialias, "bilinear-antialias"},
     {Resize::bicubic, "bicubic"},
     {Resize::bicubic_antialias, "bicubic-antialias"}}};

[[noreturn]] void fail(std::string_view part) {
  throw Error(
      ErrorKind::usage, "--preprocess",
      fmt::format("expected a step of the preprocessing, found '{}'", escape_unprintable(part)),
      "give size=WIDTHxHEIGHT, resize=nearest|nearest-exact|bilinear|bilinear-antialias|bicubic|bicubic-antialias, "
      "letterbox=GREY, order=rgb|bgr, scale=255, mean=R/G/B, std=R/G/B, tolerance=LEVELS, with commas between "
      "them");
}

template <typename T>
T number(std::string_view part, std::string_view text, T least, T most) {
  T value{};
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc{} || end != text.data() + text.size() || !(value >= least && value <= most)) fail(part);
  return value;
}

std::array<double, 3> three(std::string_view part, std::string_view text) {
  const auto numbers = split(text, '/');
  if (numbers.size() != 3 && numbers.size() != 1) fail(part);
  std::array<double, 3> values{};
  for (std::size_t i = 0; i < 3; ++i) values[i] = number(part, numbers[numbers.size() == 1 ? 0 : i], -1e6, 1e6);
  return values;
}

void take(std::string_view part, std::string_view key, std::string_view value, Preprocessing& steps,
          bool& has_tolerance) {
  if (key == "size") {
    const auto sides = split(value, 'x');
    if (sides.size() != 2) fail(part);
    steps.size = {number(part, sides[0], 1U, k_largest_side), number(part, sides[1], 1U, k_largest_side)};
  } else if (key == "resize") {
    const auto* const found = std::ranges::find(k_resizes, value, &std::pair<Resize, std::string_view>::second);
    if (found == k_resizes.end()) fail(part);
    steps.resize = found->first;
  } else if (key == "letterbox") {
    steps.letterbox = number(part, value, 0, 255);
  } else if (key == "order" && (value == "rgb" || value == "bgr")) {
    steps.bgr = value == "bgr";
  } else if (key == "scale") {
    steps.scale = number(part, value, 1e-6, 1e6);
  } else if (key == "mean") {
    steps.mean = three(part, value);
  } else if (key == "std") {
    steps.deviation = three(part, value);
    if (std::ranges::find(steps.deviation, 0.0) != steps.deviation.end()) fail(part);
  } else if (key == "tolerance") {
    steps.tolerance = number(part, value, 0.0, 255.0);
    has_tolerance = true;
  } else {
    fail(part);
  }
}

std::string shown(const std::array<double, 3>& values) {
  return fmt::format("{}/{}/{}", values[0], values[1], values[2]);
}

}  // namespace

std::string_view to_string(Resize resize) {
  return std::ranges::find(k_resizes, resize, &std::pair<Resize, std::string_view>::first)->second;
}

Preprocessing parse_preprocessing(std::string_view text) {
  Preprocessing steps;
  bool has_tolerance = false;
  for (const auto part : split(text, ',')) {
    const auto equals = part.find('=');
    if (equals == std::string_view::npos) fail(part);
    take(part, part.substr(0, equals), part.substr(equals + 1), steps, has_tolerance);
  }
  // Two sound resizers round a pixel to neighbouring levels.
  if (!has_tolerance && steps.size) steps.tolerance = 1;
  return steps;
}

std::string to_text(const Preprocessing& steps) {
  std::string text;
  if (steps.size)
    text += fmt::format("size={}x{},resize={},", steps.size->first, steps.size->second, to_string(steps.resize));
  if (steps.letterbox) text += fmt::format("letterbox={},", *steps.letterbox);
  return text + fmt::format("order={},scale={},mean={},std={},tolerance={}", steps.bgr ? "bgr" : "rgb", steps.scale,
                            shown(steps.mean), shown(steps.deviation), steps.tolerance);
}

}  // namespace goldseal::golden
