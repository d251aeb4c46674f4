// SPDX-License-Identifier: Apache-2.0
#include <goldseal/report/page/log_axis.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace goldseal {

LogAxis::LogAxis(const std::vector<double>& values, int least_decades) {
  double lowest = 1;
  double highest = 1;
  for (const double value : values) {
    if (!std::isfinite(value) || value <= 0) continue;
    lowest = std::min(lowest, value);
    highest = std::max(highest, value);
  }
  m_first = static_cast<int>(std::floor(std::log10(lowest)));
  m_last = std::max(static_cast<int>(std::ceil(std::log10(highest))), m_first + least_decades);
}

double LogAxis::position(double value) const {
  if (std::isnan(value)) return 100;
  if (value <= 0) return 0;
  return std::clamp(100 * (std::log10(value) - m_first) / (m_last - m_first), 0.0, 100.0);
}

std::string decade_label(int decade) {
  if (decade >= -2 && decade <= 2) return fmt::format("{:g}", std::pow(10.0, decade));
  constexpr std::array<std::string_view, 10> k_digits{"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string label = decade < 0 ? "10⁻" : "10";
  for (const char digit : std::to_string(std::abs(decade))) label += k_digits[static_cast<std::size_t>(digit - '0')];
  return label;
}

}  // namespace goldseal
