// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/observation.hpp>
#include <checks/policy.hpp>
#include <goldseal/golden/compare/output_verdict.hpp>

#include <optional>

namespace goldseal {

/// What the runs of one output come to under a policy; nothing of a run that was not made.
struct OutputVerdicts {
  std::optional<golden::OutputVerdict> native;
  std::optional<golden::OutputVerdict> float64;

  /// A run that was not made agrees.
  [[nodiscard]] bool native_agrees() const { return !native || native->pass; }
  [[nodiscard]] bool float64_agrees() const { return !float64 || float64->pass; }
};

/// Judges an output. Whoever asks whether an output agrees (a check, the search for a cause, a report's chart) asks
/// here, so that what passes a check is a failure to none of the others.
[[nodiscard]] OutputVerdicts judge(const OutputObservation& output, const CheckSettings& settings);
[[nodiscard]] OutputVerdicts judge(const OutputObservation& output, const Policy& policy);

/// Whether the integers and bools of an output, in the runs that were made, are the sealed ones where rounding does not
/// decide them.
[[nodiscard]] bool discrete_agrees(const OutputObservation& output);

/// Whether an output is the sealed one in each run that was made: its structure, integers and bools, and its numbers.
[[nodiscard]] bool agrees(const OutputObservation& output, const CheckSettings& settings);
/// The same of one run alone.
[[nodiscard]] bool agrees(const OutputObservation& output, Compute run, const Policy& policy);

}  // namespace goldseal
