// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace goldseal {

/// A logarithmic axis of whole decades. Positions are in per cent, so that a chart fits any width.
class LogAxis {
 public:
  /// Spans all positive finite values, and at least `least_decades`.
  explicit LogAxis(const std::vector<double>& values, int least_decades = 3);

  /// 0 to 100; what lies beyond the axis (0, infinity, NaN) at its end.
  [[nodiscard]] double position(double value) const;
  [[nodiscard]] int first_decade() const { return m_first; }
  [[nodiscard]] int last_decade() const { return m_last; }

 private:
  int m_first = 0;
  int m_last = 0;
};

/// `0.01`, `1`, `100`, `10³`, `10⁻⁴`.
[[nodiscard]] std::string decade_label(int decade);

}  // namespace goldseal
