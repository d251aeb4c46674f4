// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/images/value_lines.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace goldseal::golden {
namespace {

std::string describe_line(const ValueLine& line) {
  if (std::fabs(line.offset) <= 1e-6 * std::fabs(line.slope))
    return fmt::format("it is {} times the sealed one", shown_number(line.slope));
  return fmt::format("it is {} times the sealed one plus {}", shown_number(line.slope), shown_number(line.offset));
}

}  // namespace

std::string shown_number(double value) { return fmt::format("{:.6g}", value); }

ValueLine fit_line(const Values& sealed, const Values& found, std::size_t begin, std::size_t end) {
  double n = 0;
  double x = 0;
  double y = 0;
  double xx = 0;
  double xy = 0;
  for (std::size_t i = begin; i < end; ++i) {
    n += 1;
    x += sealed[i];
    y += found[i];
    xx += sealed[i] * sealed[i];
    xy += sealed[i] * found[i];
  }
  const double spread = n * xx - x * x;
  if (!(spread > 1e-12 * n * xx)) return {1, n > 0 ? (y - x) / n : 0};
  const double slope = (n * xy - x * y) / spread;
  return {slope, (y - slope * x) / n};
}

double line_residual(const Values& sealed, const Values& found, std::size_t begin, std::size_t end,
                     const ValueLine& line) {
  double largest = 0;
  for (std::size_t i = begin; i < end; ++i) {
    largest = std::max(largest, std::fabs(found[i] - (line.slope * sealed[i] + line.offset)));
  }
  return largest;
}

std::string describe_lines(const std::vector<ValueLine>& lines) {
  if (lines.size() == 1) return describe_line(lines[0]);
  return fmt::format("its channels are normalised otherwise: {}; {}; {}", describe_line(lines[0]),
                     describe_line(lines[1]), describe_line(lines[2]));
}

std::string remedy_of_lines(const std::vector<ValueLine>& lines) {
  if (lines.size() > 1) return "use the sealed means and deviations, in the sealed order";
  const auto near = [&](double value) { return std::fabs(lines[0].slope / value - 1) < 1e-3; };
  if (near(k_grey_levels)) return "divide by 255";
  if (near(1 / k_grey_levels)) return "do not divide by 255 twice";
  if (near(k_grey_levels / 256)) return "divide by 255, not by 256";
  if (near(256 / k_grey_levels)) return "divide by 256, not by 255";
  return "use the sealed scale and offset";
}

}  // namespace goldseal::golden
