// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/verdict/report.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal {

/// The gravest first: what a reader should see first. `damaged` and `failed` decide the verdict, `undecided` makes it
/// inconclusive, `unjudged` (an unknown that the policy does not require) does not.
enum class Gravity { damaged, failed, undecided, warned, unjudged, passed, skipped };

[[nodiscard]] Gravity severity_order(const Finding& finding);

/// The findings, the gravest first, otherwise in the order in which the checks ran. Borrows from the report.
[[nodiscard]] std::vector<const Finding*> by_gravity(const Report& report);

/// The finding that explains the verdict: the gravest, if it is at least a warning or was not judged.
[[nodiscard]] const Finding* cause(const Report& report);

/// `1 failed, 2 warnings, 14 passed`; counts of 0 are left out. `no checks` without any.
[[nodiscard]] std::string counted(const Report& report);

/// The seconds of all stages.
[[nodiscard]] double total_seconds(const Report& report);

/// A number as a person reads it: a whole one below 10^9 exactly, others with three significant digits or, from a
/// thousand to a million, without a fraction.
[[nodiscard]] std::string shown_number(double value);

/// The value with its unit: `0.701 s`.
[[nodiscard]] std::string shown_value(const Measurement& measurement);

/// More measurements than this beside a table are left to those who look for them.
inline constexpr std::size_t k_few_measurements = 6;

/// The measurements that are worth a line of text: all of them where they are few or no table stands beside them, else
/// those above their limits, since the table tells the rest. Borrows from the finding.
[[nodiscard]] std::vector<const Measurement*> relevant_measurements(const Finding& finding);

/// `32x3x3x3`; `scalar` for no dimension.
[[nodiscard]] std::string shown_shape(const std::vector<std::int64_t>& shape);

}  // namespace goldseal
