// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/check.hpp>

#include <string>

namespace goldseal {

/// `CASE/OUTPUT`, as reports name an output.
[[nodiscard]] std::string output_name(const OutputObservation& output);

/// What every golden check says where there is nothing to judge: the reason, as a skipped or undecided finding.
[[nodiscard]] Finding nothing_to_judge(const Observation& observed);

/// True where every output is of integers or bools, which golden.discrete judges.
[[nodiscard]] bool only_discrete(const Observation& observed);

/// Appends the row of one output in one lane to the finding's table, and its two ratios to the measurements.
void add_lane(Finding& finding, const OutputObservation& output, const golden::Deviation& deviation,
              const golden::LaneVerdict& lane);

/// `(0, 12, 5, 3)`.
[[nodiscard]] std::string format_index(const std::vector<std::int64_t>& index);

}  // namespace goldseal
