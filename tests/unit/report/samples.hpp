// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/verdict/report.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace goldseal::test {

// Reports as verify gives them, with figures of the size that were measured on YOLOv3 at 416x416.
[[nodiscard]] Report passing_report();
[[nodiscard]] Report environment_failure();
[[nodiscard]] Report key_failure();
[[nodiscard]] Report numeric_failure();
[[nodiscard]] Report inconclusive_report();
[[nodiscard]] Report damaged_report();

/// Texts that break a format which does not escape: markup, controls, marks that reorder, bytes that are not UTF-8.
[[nodiscard]] Report hostile_report();

/// `count` findings of every status, some with a table.
[[nodiscard]] Report large_report(std::size_t count);

struct Sample {
  std::string name;
  Report report;
};
[[nodiscard]] std::vector<Sample> samples();

}  // namespace goldseal::test
