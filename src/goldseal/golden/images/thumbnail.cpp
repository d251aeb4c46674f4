// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/images/thumbnail.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

namespace goldseal::golden {
namespace {

constexpr std::size_t k_least_side = 8;  // below it nobody recognises anything
constexpr std::size_t k_largest_side = 16384;
constexpr std::size_t k_block = 1U << 16U;  // elements that are converted at once

struct Layout {
  std::size_t channels = 0, height = 0, width = 0;
  bool channels_last = false;
  [[nodiscard]] std::size_t elements() const { return channels * height * width; }
};

std::optional<Layout> layout_of(const HostTensor& tensor) {
  std::vector<std::size_t> shape(tensor.shape.begin(), tensor.shape.end());
  if (shape.size() == 4) shape.erase(shape.begin());
  if (shape.size() != 3 || tensor.numel() == 0) return std::nullopt;
  const auto is_channels = [](std::size_t size) { return size == 1 || size == 3; };
  if (!is_channels(shape[0]) && !is_channels(shape[2])) return std::nullopt;
  const auto layout =
      is_channels(shape[0]) ? Layout{shape[0], shape[1], shape[2], false} : Layout{shape[2], shape[0], shape[1], true};
  const auto fits = [](std::size_t side) { return side >= k_least_side && side <= k_largest_side; };
  return fits(layout.height) && fits(layout.width) ? std::optional(layout) : std::nullopt;
}

// What is black, and by how much white is above it.
struct Range {
  double black = 0;
  double span = 1;
};

Range range_of(const HostTensor& tensor, std::size_t elements) {
  double least = 0;
  double greatest = 1;
  std::vector<double> block(std::min(k_block, elements));
  for (std::size_t at = 0; at < elements; at += block.size()) {
    block.resize(std::min(block.size(), elements - at));
    copy_as_double(tensor, at, block);
    for (const auto value : block) {
      if (!std::isfinite(value)) continue;
      least = std::min(least, value);
      greatest = std::max(greatest, value);
    }
  }
  return {least, greatest - least};
}

// Draws one row of the thumbnail at a time, from as many rows of the tensor as it averages.
class Thumbnail {
 public:
  Thumbnail(const HostTensor& tensor, const Layout& layout)
      : m_tensor(tensor),
        m_layout(layout),
        m_range(range_of(tensor, layout.elements())),
        // Whole pixels: no picture is distorted.
        m_step((std::max(layout.height, layout.width) + k_thumbnail_side - 1) / k_thumbnail_side) {}

  Picture draw() {
    Picture picture{static_cast<std::uint32_t>((m_layout.width + m_step - 1) / m_step),
                    static_cast<std::uint32_t>((m_layout.height + m_step - 1) / m_step),
                    {}};
    picture.pixels.reserve(std::size_t{3} * picture.width * picture.height);
    for (std::size_t row = 0; row < m_layout.height; row += m_step) {
      read_rows(row, std::min(m_step, m_layout.height - row));
      for (std::size_t column = 0; column < m_layout.width; column += m_step)
        for (std::size_t channel = 0; channel < 3; ++channel)
          picture.pixels.push_back(average(m_layout.channels == 3 ? channel : 0, column));
    }
    return picture;
  }

 private:
  void read_rows(std::size_t first, std::size_t rows) {
    m_rows = rows;
    const auto plane = rows * m_layout.width;
    m_values.resize(plane * m_layout.channels);
    if (m_layout.channels_last) {
      copy_as_double(m_tensor, first * m_layout.width * m_layout.channels, m_values);
      return;
    }
    for (std::size_t channel = 0; channel < m_layout.channels; ++channel)
      copy_as_double(m_tensor, (channel * m_layout.height + first) * m_layout.width,
                     std::span(m_values).subspan(channel * plane, plane));
  }

  [[nodiscard]] double value(std::size_t channel, std::size_t y, std::size_t x) const {
    const auto pixel = y * m_layout.width + x;
    const auto value = m_layout.channels_last ? m_values[pixel * m_layout.channels + channel]
                                              : m_values[channel * m_rows * m_layout.width + pixel];
    return std::isfinite(value) ? value : m_range.black;
  }

  [[nodiscard]] std::uint8_t average(std::size_t channel, std::size_t column) const {
    const auto end = std::min(column + m_step, m_layout.width);
    double sum = 0;
    for (std::size_t y = 0; y < m_rows; ++y)
      for (auto x = column; x < end; ++x) sum += value(channel, y, x);
    const auto share = (sum / static_cast<double>(m_rows * (end - column)) - m_range.black) / m_range.span;
    return static_cast<std::uint8_t>(std::lround(255 * std::clamp(share, 0.0, 1.0)));
  }

  const HostTensor& m_tensor;
  Layout m_layout;
  Range m_range;
  std::size_t m_step;
  std::size_t m_rows = 0;
  std::vector<double> m_values;  // the rows at hand, laid out as the tensor is
};

}  // namespace

std::optional<Picture> thumbnail_of(const HostTensor& tensor) {
  const auto layout = layout_of(tensor);
  if (!layout || !converts_to_double(tensor.dtype)) return std::nullopt;
  return Thumbnail(tensor, *layout).draw();
}

}  // namespace goldseal::golden
