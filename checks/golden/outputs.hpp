// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/check.hpp>
#include <checks/golden/output_verdicts.hpp>

#include <functional>
#include <optional>
#include <string>

namespace goldseal {

/// `CASE/OUTPUT`, as reports name an output, with the GPU where there are several.
[[nodiscard]] std::string output_name(const OutputObservation& output);

/// True where two runs of this case agreed in every bit at capture.
[[nodiscard]] bool sealed_as_repeatable(const Observation& observed, const std::string& golden_case);

/// What every golden check says where there is nothing to judge: the reason, as a skipped or undecided finding.
[[nodiscard]] Finding nothing_to_judge(const Observation& observed);

/// True where every output is of integers or bools, which golden.discrete judges.
[[nodiscard]] bool only_discrete(const Observation& observed);

/// True where an output's noise is of native runs, because its network has no float64 path.
[[nodiscard]] bool any_without_float64(const Observation& observed);
/// Whether a case was sealed at depth quick, without float64 runs though the network may have such a path.
[[nodiscard]] bool any_sealed_quick(const Observation& observed);

/// One verdict of the golden verdict over all outputs.
struct OutputSummary {
  std::size_t judged = 0;                        ///< outputs that have the verdict's run
  const OutputObservation* worst = nullptr;      ///< the failing one of the greatest severity; null where all pass
  const golden::Deviation* deviation = nullptr;  ///< of `worst`, in this run
  golden::OutputVerdict verdict;                 ///< of `worst`
  Finding detail;  ///< a pass that holds the table and the measurements of every output judged
};

/// Judges the outputs that have this run, each by `judge`.
[[nodiscard]] OutputSummary judge_outputs(const Observation& observed,
                                          std::optional<golden::Deviation> OutputObservation::*run,
                                          const std::function<golden::OutputVerdict(const OutputObservation&)>& judge);

/// How the worst output of a verdict differs, which must have one: for the message (`differs by …`), what was expected
/// and what was found. The measure that is furthest beyond its limit tells.
struct OutputDifference {
  std::string phrase;
  std::string expected;
  std::string actual;
};
[[nodiscard]] OutputDifference tell_difference(const OutputSummary& summary);

/// The failure with the evidence behind it: the summary's table and measurements, then, for its worst output, which it
/// must have, where the layers of `run` part and what the runs with one thing changed say.
[[nodiscard]] Finding with_evidence(Finding failure, OutputSummary summary, const Observation& observed, Compute run);

/// Where a run's layers part from the sealed ones: a phrase for the message, with a table in `failure`. Empty where
/// the run was not followed; says so where the seal has no sketches.
[[nodiscard]] std::string tell_layers(const Observation& observed, const OutputObservation& output, Compute run,
                                      Finding& failure);

/// What the runs with one thing changed say about a failing run: a phrase for the message, with a table in `failure`,
/// and the remedy of the first change that mends it. Empty without such runs, and where only changes other than
/// settings were tried and none helped.
[[nodiscard]] std::string tell_trials(const Observation& observed, const OutputObservation& output, Compute run,
                                      Finding& failure);

/// `(0, 12, 5, 3)`.
[[nodiscard]] std::string format_index(const std::vector<std::int64_t>& index);

}  // namespace goldseal
