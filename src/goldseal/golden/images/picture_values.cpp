// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/images/picture_values.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace goldseal::golden {
namespace {

// The errors of a resize follow the picture's edges. The ratio is the mean error at the steepest quarter of the places
// over the mean error at the flattest quarter.
constexpr double k_edge_ratio = 3;
constexpr double k_alike = 0.9;  // correlation of one picture seen through two resizes

double correlation(const Values& found_values, const Values& made) {
  const double n = static_cast<double>(found_values.size());
  const double mean_found = std::accumulate(found_values.begin(), found_values.end(), 0.0) / n;
  const double mean_made = std::accumulate(made.begin(), made.end(), 0.0) / n;
  double both = 0;
  double found = 0;
  double sealed = 0;
  for (std::size_t i = 0; i < found_values.size(); ++i) {
    const double a = found_values[i] - mean_found;
    const double b = made[i] - mean_made;
    both += a * b;
    found += a * a;
    sealed += b * b;
  }
  return both / std::sqrt(found * sealed);
}

}  // namespace

Values values_of(const HostTensor& tensor) {
  Values values(tensor.numel());
  copy_as_double(tensor, 0, values);
  return values;
}

std::optional<PictureStack> as_pictures(const std::vector<std::int64_t>& shape) {
  if (shape.size() < 3 || shape.size() > 4) return std::nullopt;
  const auto size = [&](std::size_t from_end) { return static_cast<std::size_t>(shape[shape.size() - from_end]); };
  if (size(3) != k_colours) return std::nullopt;
  return PictureStack{shape.size() == 4 ? size(4) : 1, k_colours, size(2), size(1)};
}

double range_of(const Values& values) {
  if (values.empty()) return 0;
  const auto [low, high] = std::ranges::minmax(values);
  return high > low ? high - low : std::fabs(high);
}

double largest_difference(const Values& a, const Values& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::fabs(a[i] - b[i]);
    if (!(difference <= largest)) largest = difference;  // a NaN stays
  }
  return largest;
}

double mean_difference(const Values& a, const Values& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::fabs(a[i] - b[i]);
  return sum / static_cast<double>(std::max<std::size_t>(1, a.size()));
}

Values moved(const Values& values, const PictureStack& stack,
             const std::function<std::size_t(std::size_t, std::size_t, std::size_t, std::size_t)>& source) {
  Values result(values.size());
  for (std::size_t p = 0; p < stack.pictures; ++p) {
    for (std::size_t c = 0; c < stack.colours; ++c) {
      for (std::size_t y = 0; y < stack.height; ++y) {
        for (std::size_t x = 0; x < stack.width; ++x) result[stack.at(p, c, y, x)] = values[source(p, c, y, x)];
      }
    }
  }
  return result;
}

Values colours_reversed(const Values& values, const PictureStack& stack) {
  return moved(values, stack, [&](auto p, auto c, auto y, auto x) { return stack.at(p, stack.colours - 1 - c, y, x); });
}

bool follows_edges(const Values& found, const Values& made, const PictureStack& stack) {
  if (!(correlation(found, made) > k_alike)) return false;
  std::vector<std::pair<double, double>> places;  // steepness, error
  for (std::size_t plane = 0; plane < stack.pictures * stack.colours; ++plane) {
    for (std::size_t y = 1; y + 1 < stack.height; ++y) {
      for (std::size_t x = 1; x + 1 < stack.width; ++x) {
        const auto i = plane * stack.area() + y * stack.width + x;
        const double steep =
            std::fabs(made[i + 1] - made[i - 1]) + std::fabs(made[i + stack.width] - made[i - stack.width]);
        places.emplace_back(steep, std::fabs(found[i] - made[i]));
      }
    }
  }
  if (places.size() < 64) return false;
  std::ranges::sort(places);
  const auto mean_error = [&](std::size_t begin, std::size_t end) {
    double sum = 0;
    for (std::size_t i = begin; i < end; ++i) sum += places[i].second;
    return sum / static_cast<double>(end - begin);
  };
  const auto quarter = places.size() / 4;
  const double flat = mean_error(0, quarter);
  const double steep = mean_error(places.size() - quarter, places.size());
  return steep > 0 && steep >= k_edge_ratio * flat;
}

}  // namespace goldseal::golden
