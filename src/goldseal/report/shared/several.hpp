// SPDX-License-Identifier: Apache-2.0
// A gate judges one seal for many machines. What is said of several reports together is decided here once, so that no
// format loses a target's failure or tells it under another's name.
#pragma once

#include <goldseal/verdict/report.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace goldseal {

/// A name for each report that no other has: its target, with its subject where targets repeat.
[[nodiscard]] std::vector<std::string> labels_of(std::span<const Report> reports);

/// The gravest of their verdicts: integrity, fails, inconclusive, conforms. At least one report.
[[nodiscard]] ExitCode worst_verdict(std::span<const Report> reports);

/// `1 FAIL, 4 PASS`, the gravest first.
[[nodiscard]] std::string counted_verdicts(std::span<const Report> reports);

/// `models/x.seal on 5 targets`, or `5 reports` of several subjects.
[[nodiscard]] std::string subject_of(std::span<const Report> reports);

/// Their places, the gravest verdict first, otherwise as they came.
[[nodiscard]] std::vector<std::size_t> gravest_first(std::span<const Report> reports);

/// All findings in one report, for formats that hold one; each says its target, which also stands before its message.
[[nodiscard]] Report merged(std::span<const Report> reports);

/// The reverse: a report for each target that findings name; the report itself where none does.
[[nodiscard]] std::vector<Report> by_target(Report report);

/// The same as `merged`, but what is said of several targets in the same words is said once: its target is then `3 of 5
/// targets (a, b, c)`, and its message is as it was.
[[nodiscard]] Report folded(std::span<const Report> reports);

}  // namespace goldseal
