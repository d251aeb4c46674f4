// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/images/preprocess.hpp>

#include <goldseal/golden/images/resize.hpp>

#include <algorithm>
#include <cmath>

namespace goldseal::golden {
namespace {

// The picture in the middle of a larger one of one grey level.
Picture padded(const Picture& picture, std::uint32_t width, std::uint32_t height, int grey) {
  Picture result{width, height,
                 std::vector<std::uint8_t>(std::size_t{width} * height * 3, static_cast<std::uint8_t>(grey))};
  const std::size_t left = (width - picture.width) / 2;
  const std::size_t top = (height - picture.height) / 2;
  const std::size_t row = std::size_t{picture.width} * 3;
  for (std::size_t y = 0; y < picture.height; ++y)
    std::copy_n(picture.pixels.begin() + static_cast<std::ptrdiff_t>(y * row), row,
                result.pixels.begin() + static_cast<std::ptrdiff_t>(((y + top) * width + left) * 3));
  return result;
}

Picture sized(const Picture& picture, const Preprocessing& steps) {
  if (!steps.size) return picture;
  const auto [width, height] = *steps.size;
  if (!steps.letterbox) return resized(picture, width, height, steps.resize);
  const double ratio =
      std::min(static_cast<double>(width) / picture.width, static_cast<double>(height) / picture.height);
  const auto side = [&](std::uint32_t length, std::uint32_t most) {
    return std::clamp(static_cast<std::uint32_t>(std::lround(length * ratio)), 1U, most);
  };
  return padded(resized(picture, side(picture.width, width), side(picture.height, height), steps.resize), width, height,
                *steps.letterbox);
}

}  // namespace

HostTensor preprocess(const Picture& picture, const Preprocessing& steps) {
  const auto made = sized(picture, steps);
  const std::size_t area = std::size_t{made.width} * made.height;
  std::vector<float> values(3 * area);
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const std::size_t colour = steps.bgr ? 2 - channel : channel;
    const auto scale = static_cast<float>(steps.scale);
    const auto mean = static_cast<float>(steps.mean[channel]);
    const auto deviation = static_cast<float>(steps.deviation[channel]);
    for (std::size_t i = 0; i < area; ++i) {
      const float value = static_cast<float>(made.pixels[3 * i + colour]) / scale;
      values[channel * area + i] = (value - mean) / deviation;
    }
  }
  return make_tensor("", DType::float32, {1, 3, made.height, made.width}, std::move(values));
}

}  // namespace goldseal::golden
