// SPDX-License-Identifier: Apache-2.0
// Values that are those of another tensor times a number, plus a number: another scale, other means and deviations.
#pragma once

#include <goldseal/golden/images/picture_values.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace goldseal::golden {

inline constexpr double k_grey_levels = 255;

/// found = slope·sealed + offset.
struct ValueLine {
  double slope = 1;
  double offset = 0;
};

/// Least squares over [begin, end).
[[nodiscard]] ValueLine fit_line(const Values& sealed, const Values& found, std::size_t begin, std::size_t end);
/// The largest distance from the line over [begin, end).
[[nodiscard]] double line_residual(const Values& sealed, const Values& found, std::size_t begin, std::size_t end,
                                   const ValueLine& line);

/// One line is for all values, three are for the colours. A sentence without a full stop, and what to do.
[[nodiscard]] std::string describe_lines(const std::vector<ValueLine>& lines);
[[nodiscard]] std::string remedy_of_lines(const std::vector<ValueLine>& lines);

/// A number as messages show it.
[[nodiscard]] std::string shown_number(double value);

}  // namespace goldseal::golden
