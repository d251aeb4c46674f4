// SPDX-License-Identifier: Apache-2.0
#include <checks/golden/outputs.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

namespace goldseal {
namespace {

// Floored: rows that differ must not be rounded away. 0.57 * 10,000 is a little less than 5,700.
std::string share(const std::optional<double>& agreeing) {
  return agreeing ? fmt::format("{:g}%", std::floor(*agreeing * 1e4 + 1e-6) / 1e2) : "";
}

// The element to look at first: one that is NaN or infinite on one side alone, else the worst. Nothing where every
// element is the reference's.
const golden::ElementPair* telling_element(const golden::Deviation& deviation) {
  if (deviation.mask_mismatches > 0) return &deviation.first_mismatch;
  return deviation.max_ratio > 0 ? &deviation.worst : nullptr;
}

std::vector<std::string> row_of(const OutputObservation& output, const golden::Deviation& deviation,
                                const golden::OutputVerdict& verdict) {
  std::vector<std::string> row{output_name(output), fmt::format("{:.3g}", verdict.diffuse),
                               fmt::format("{:.3g}", verdict.diffuse_limit)};
  const auto* const element = telling_element(deviation);
  if (element == nullptr) {
    row.insert(row.end(), {"none", "", "", "0"});
  } else {
    row.insert(row.end(), {format_index(element->index), fmt::format("{:.6g}", element->expected),
                           fmt::format("{:.6g}", element->found),
                           deviation.mask_mismatches > 0 ? "" : fmt::format("{:.3g}", deviation.worst_ulp)});
  }
  row.push_back(deviation.cosine ? fmt::format("{:.6f}", *deviation.cosine) : "");
  row.push_back(deviation.psnr ? fmt::format("{:.1f}", *deviation.psnr) : "");
  row.push_back(share(deviation.top1));
  row.push_back(share(deviation.top5));
  return row;
}

// Unlike the table, these have every digit; what does not apply to an output is left out.
void add_measurements(Finding& finding, const std::string& name, const golden::Deviation& deviation,
                      const golden::OutputVerdict& verdict) {
  auto& measurements = finding.measurements;
  measurements.push_back({name + ".diffuse", verdict.diffuse, verdict.diffuse_limit, "noise"});
  measurements.push_back({name + ".local", verdict.local, verdict.local_limit, "noise"});
  const auto add = [&](std::string_view what, std::optional<double> value, std::string_view unit = "") {
    if (value) measurements.push_back({fmt::format("{}.{}", name, what), *value, std::nullopt, std::string(unit)});
  };
  add("rms", deviation.rms);
  add("max-abs", deviation.max_abs);
  if (const auto* const element = telling_element(deviation)) {
    add("worst.place", static_cast<double>(element->flat));
    add("worst.expected", element->expected);
    add("worst.found", element->found);
    if (deviation.mask_mismatches == 0) add("worst.ulp", deviation.worst_ulp);
  }
  if (deviation.mask_mismatches > 0) add("not-finite", static_cast<double>(deviation.mask_mismatches));
  add("cosine", deviation.cosine);
  add("psnr", deviation.psnr, "dB");
  add("top1", deviation.top1);
  add("top5", deviation.top5);
}

void add_output(Finding& finding, const OutputObservation& output, const golden::Deviation& deviation,
                const golden::OutputVerdict& verdict) {
  if (finding.tables.empty()) {
    // Where a native run is bit for bit the sealed one, it still differs from the float64 reference.
    finding.tables.push_back({output.noise.native ? "outputs, against the sealed native answers"
                                                  : "outputs, against the sealed float64 answers",
                              {"output", "error/noise", "limit", "worst element", "expected", "found", "ulp", "cosine",
                               "PSNR (dB)", "top 1", "top 5"},
                              {}});
  }
  finding.tables.front().rows.push_back(row_of(output, deviation, verdict));
  add_measurements(finding, output_name(output), deviation, verdict);
}

// Some measures are of no output here: the places of the largest, where no output has rows.
void drop_empty_columns(Table& table) {
  for (std::size_t column = table.columns.size(); column-- > 0;) {
    if (!std::ranges::all_of(table.rows, [&](const auto& row) { return row[column].empty(); })) continue;
    const auto at = static_cast<std::ptrdiff_t>(column);
    table.columns.erase(table.columns.begin() + at);
    for (auto& row : table.rows) row.erase(row.begin() + at);
  }
}

}  // namespace

std::string output_name(const OutputObservation& output) {
  return run_name(fmt::format("{}/{}", output.golden_case, output.output), output.device);
}

bool sealed_as_repeatable(const Observation& observed, const std::string& golden_case) {
  for (const auto& golden : observed.sealed.golden) {
    if (golden.name == golden_case) return golden.repeatable;
  }
  return false;
}

std::string format_index(const std::vector<std::int64_t>& index) { return fmt::format("({})", fmt::join(index, ", ")); }

Finding nothing_to_judge(const Observation& observed) {
  if (observed.run.depth == RunDepth::none) return skipped("the model was not to be run");
  return skipped("the model gave no outputs");
}

bool only_discrete(const Observation& observed) {
  return std::ranges::all_of(observed.run.outputs,
                             [](const OutputObservation& output) { return output.discrete.has_value(); });
}

bool any_without_float64(const Observation& observed) {
  return std::ranges::any_of(observed.run.outputs, [](const OutputObservation& output) { return output.noise.native; });
}

bool any_sealed_quick(const Observation& observed) {
  return std::ranges::any_of(observed.sealed.golden, &GoldenCase::quick);
}

OutputSummary judge_outputs(const Observation& observed, std::optional<golden::Deviation> OutputObservation::*run,
                            const std::function<golden::OutputVerdict(const OutputObservation&)>& judge) {
  OutputSummary summary;
  for (const auto& output : observed.run.outputs) {
    if (!(output.*run)) continue;
    ++summary.judged;
    const auto verdict = judge(output);
    add_output(summary.detail, output, *(output.*run), verdict);
    if (verdict.pass || (summary.worst != nullptr && verdict.severity() <= summary.verdict.severity())) continue;
    summary.worst = &output;
    summary.deviation = &*(output.*run);
    summary.verdict = verdict;
  }
  for (auto& table : summary.detail.tables) drop_empty_columns(table);
  return summary;
}

namespace {

// Which side it is, with both values; a row of attention without a key is a known cause.
std::string tell_mask(const golden::ElementPair& first) {
  const bool here = !std::isfinite(first.found);
  auto text = fmt::format("is{} NaN or infinite where the seal is{}, first at {}: {:.6g} here, {:.6g} in the seal",
                          here ? "" : " not", here ? " not" : "", format_index(first.index), first.found, first.expected);
  if (here && !std::isfinite(first.expected))
    text = fmt::format("is NaN or infinite at other places than the seal, first at {}: {:.6g} here, {:.6g} in the seal",
                       format_index(first.index), first.found, first.expected);
  if (std::isnan(first.found) != std::isnan(first.expected))
    text += "; where attention masks every key of a row, some versions of PyTorch give NaN and others zeros";
  return text;
}

}  // namespace

OutputDifference tell_difference(const OutputSummary& summary) {
  const auto& deviation = *summary.deviation;
  const auto& verdict = summary.verdict;
  if (verdict.mask_differs) {
    return {tell_mask(deviation.first_mismatch), "NaN and infinities at the sealed places alone",
            fmt::format("{} of {} elements differ in kind", deviation.mask_mismatches, deviation.elements)};
  }
  auto phrase = fmt::format("differs from the seal by {:.3g} times what rounding can explain", verdict.severity());
  if (verdict.diffuse / verdict.diffuse_limit >= verdict.local / verdict.local_limit)
    return {std::move(phrase), fmt::format("error/noise at most {:.3g}", verdict.diffuse_limit),
            fmt::format("{:.3g}, {:.3g} times the limit", verdict.diffuse, verdict.diffuse / verdict.diffuse_limit)};
  return {phrase + " in single elements", fmt::format("error/noise of one element at most {:.3g}", verdict.local_limit),
          fmt::format("{:.3g} at {}, {:.3g} times the limit", verdict.local, format_index(deviation.worst.index),
                      verdict.local / verdict.local_limit)};
}

Finding with_evidence(Finding failure, OutputSummary summary, const Observation& observed, Compute run) {
  failure.tables = std::move(summary.detail.tables);
  failure.measurements = std::move(summary.detail.measurements);
  failure.message += tell_layers(observed, *summary.worst, run, failure);
  failure.message += tell_trials(observed, *summary.worst, run, failure);
  return failure;
}

}  // namespace goldseal
