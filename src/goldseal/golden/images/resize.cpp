// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/images/resize.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

namespace goldseal::golden {
namespace {

using Resize = Preprocessing::Resize;

// What one pixel of the result is made of: sources and their weights along one axis.
struct Taps {
  std::vector<std::pair<std::size_t, double>> parts;
};

double cubic(double x, double a) {
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

bool smooths(Resize resize) { return resize == Resize::bilinear_antialias || resize == Resize::bicubic_antialias; }
bool is_cubic(Resize resize) { return resize == Resize::bicubic || resize == Resize::bicubic_antialias; }

double kernel(Resize resize, double x) {
  if (is_cubic(resize)) return cubic(x, smooths(resize) ? -0.5 : -0.75);
  return std::max(0.0, 1 - std::abs(x));
}

Taps taps_of(std::size_t at, std::size_t from, std::size_t to, Resize resize) {
  const double ratio = static_cast<double>(from) / static_cast<double>(to);
  const double centre = (static_cast<double>(at) + 0.5) * ratio;
  const auto last = static_cast<std::ptrdiff_t>(from) - 1;
  if (resize == Resize::nearest || resize == Resize::nearest_exact) {
    const double place = resize == Resize::nearest ? static_cast<double>(at) * ratio : centre;
    const auto source = static_cast<std::ptrdiff_t>(std::floor(place));
    return {{{static_cast<std::size_t>(std::min(source, last)), 1.0}}};
  }
  const double stretch = smooths(resize) ? std::max(ratio, 1.0) : 1.0;
  const double support = (is_cubic(resize) ? 2 : 1) * stretch;
  const auto begin = static_cast<std::ptrdiff_t>(std::floor(centre - support));
  const auto end = static_cast<std::ptrdiff_t>(std::ceil(centre + support));
  Taps taps;
  double sum = 0;
  for (auto source = begin; source <= end; ++source) {
    if (smooths(resize) && (source < 0 || source > last)) continue;
    const double weight = kernel(resize, (static_cast<double>(source) + 0.5 - centre) / stretch);
    if (weight == 0) continue;
    taps.parts.emplace_back(static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(source, 0, last)), weight);
    sum += weight;
  }
  for (auto& [source, weight] : taps.parts) weight /= sum;
  return taps;
}

std::vector<Taps> axis(std::size_t from, std::size_t to, Resize resize) {
  std::vector<Taps> taps;
  taps.reserve(to);
  for (std::size_t at = 0; at < to; ++at) taps.push_back(taps_of(at, from, to, resize));
  return taps;
}

std::uint8_t level(double value) { return static_cast<std::uint8_t>(std::lround(std::clamp(value, 0.0, 255.0))); }

}  // namespace

Picture resized(const Picture& picture, std::uint32_t width, std::uint32_t height, Resize resize) {
  if (picture.width == width && picture.height == height) return picture;
  const auto columns = axis(picture.width, width, resize);
  const auto rows = axis(picture.height, height, resize);
  std::vector<double> wide(std::size_t{width} * picture.height * 3);
  for (std::size_t y = 0; y < picture.height; ++y)
    for (std::size_t x = 0; x < width; ++x)
      for (const auto& [source, weight] : columns[x].parts)
        for (std::size_t colour = 0; colour < 3; ++colour)
          wide[(y * width + x) * 3 + colour] += weight * picture.pixels[(y * picture.width + source) * 3 + colour];
  Picture result{width, height, std::vector<std::uint8_t>(std::size_t{width} * height * 3)};
  const std::size_t row = std::size_t{width} * 3;
  for (std::size_t y = 0; y < height; ++y)
    for (std::size_t i = 0; i < row; ++i) {
      double value = 0;
      for (const auto& [source, weight] : rows[y].parts) value += weight * wide[source * row + i];
      result.pixels[y * row + i] = level(value);
    }
  return result;
}

}  // namespace goldseal::golden
