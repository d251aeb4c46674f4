// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>
#include <checks/golden/outputs.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace goldseal {
namespace {

// The operators that take means and deviations over a batch.
bool is_batch_norm(const std::string& op) { return op.find("batch_norm") != std::string::npos; }

// The output of a row that differs most, with what it comes to.
struct Worst {
  const BatchObservation* row = nullptr;
  const OutputObservation* output = nullptr;
  std::optional<golden::OutputVerdict> verdict;
  std::string what;  // where there is no ratio
};

bool agreed_alone(const Observation& observed, const Worst& worst, const CheckSettings& settings) {
  if (worst.output == nullptr) return true;
  return std::ranges::none_of(observed.run.outputs, [&](const OutputObservation& alone) {
    if (alone.golden_case != worst.row->golden_case || alone.output != worst.output->output || alone.device != worst.row->device)
      return false;
    return !agrees(alone, settings);
  });
}

std::optional<Worst> fault_of(const BatchObservation& row, const CheckSettings& settings) {
  std::optional<Worst> worst;
  for (const auto& output : row.outputs) {
    if (!output.structure.empty()) return Worst{&row, &output, std::nullopt, output.structure};
    const bool wide = row.run == Compute::float64;
    const auto& discrete = wide ? output.discrete_float64 : output.discrete;
    if (discrete && !discrete->pass) return Worst{&row, &output, std::nullopt, "its integers are others than alone"};
    const auto verdicts = judge(output, settings);
    const auto& verdict = wide ? verdicts.float64 : verdicts.native;
    if (!verdict || verdict->pass) continue;
    if (!worst || worst->verdict->severity() < verdict->severity()) worst = Worst{&row, &output, verdict, {}};
  }
  if (worst) return worst;
  for (const auto& found : row.detections)
    if (!found.verdict.pass()) return Worst{&row, nullptr, std::nullopt, "it finds other objects than alone"};
  return std::nullopt;
}

std::string cause_text(const BatchObservation& row, std::size_t size) {
  switch (row.cause) {
    case BatchCause::beside: return "the answer of a case depends on the rows beside it";
    case BatchCause::padding: return "its answer depends on what it is filled up with";
    case BatchCause::position: return fmt::format("its answer depends on the row at which it stands, {} of {}", row.row, size);
    case BatchCause::none: break;
  }
  return "in a batch it is another at every row";
}

std::string cause_remedy(const BatchObservation& row) {
  const bool normalises = row.trace && row.trace->first && is_batch_norm(row.trace->steps[*row.trace->first].op);
  if (row.cause == BatchCause::beside && normalises)
    return "the layer normalises over the batch: give BatchNorm its running statistics (track_running_stats=True, "
           "model.eval())";
  switch (row.cause) {
    case BatchCause::beside:
      return "look for a mean, a norm, a maximum or a scale of quantization over dimension 0, attention across rows, a "
             "reshape that mixes rows, a capacity that rows share, or a cache that one row leaves to the next; where cases "
             "stand along another dimension, seal with --batch-dim, and leave out an output whose size follows its values";
    case BatchCause::padding:
      return "mask what is filled up in every layer that looks at other places, count positions from a case's own "
             "first place, or fill up on the other side (--pad-side)";
    case BatchCause::position: return "look for an index of a row that is fixed, or a buffer that is shorter than the batch";
    case BatchCause::none: break;
  }
  return "look for code that treats a batch of one apart";
}

std::string layer_text(const BatchObservation& row) {
  if (!row.trace || !row.trace->first) return {};
  const auto& step = row.trace->steps[*row.trace->first];
  return fmt::format("; the first layer that differs is {}", step.label);
}

Finding failure_of(const Worst& worst, std::size_t size) {
  const auto& row = *worst.row;
  const auto name = run_name(worst.output == nullptr ? row.golden_case : fmt::format("{}/{}", row.golden_case, worst.output->output),
                             row.device);
  const auto how = worst.verdict ? fmt::format("differs from the case alone by {:.3g} times what rounding can explain",
                                               worst.verdict->severity())
                                 : fmt::format("differs from the case alone: {}", worst.what);
  auto finding = failed(fmt::format("in a batch of {}, {} {}{}: {}{}", size, name, how,
                                    row.run == Compute::float64 ? " in float64" : "", cause_text(row, size), layer_text(row)),
                        "the answer of the case alone, within the noise of rounding",
                        fmt::format("another one at row {}{}", row.row, row.padded ? ", filled up" : ""), cause_remedy(row));
  if (worst.verdict) finding.measurements.push_back({name + ".severity", worst.verdict->severity(), 1.0, ""});
  return finding;
}

Finding agreement(const BatchFindings& batch, std::size_t size) {
  const bool padded = std::ranges::any_of(batch.rows, &BatchObservation::padded);
  const bool wide = std::ranges::any_of(batch.rows, [](const auto& row) { return row.run == Compute::float64; });
  auto finding = passed(fmt::format("a case answers alike alone and at every row of a batch of {}{}{}", size,
                                    padded ? ", filled up to the length of others" : "", wide ? ", in float64 too" : ""));
  if (batch.of_all.empty()) return finding;
  finding.status = Status::warn;
  finding.message += fmt::format("; no part of {} is a case's own in a batch, so it is not judged", fmt::join(batch.of_all, ", "));
  finding.remedy = "leave it out of the outputs, or have the network give one of a fixed size for each case";
  return finding;
}

Finding judge_batches(const Observation& observed, const CheckSettings& settings) {
  if (!observed.sealed.batch) return skipped("no batch was sealed: goldseal capture --batch N");
  const auto size = static_cast<std::size_t>(observed.sealed.batch->size);
  if (!observed.run.batch) {
    if (observed.run.depth == RunDepth::none) return skipped("the model was not to be run");
    return undecided("the model gave no outputs in a batch");
  }
  const auto& batch = *observed.run.batch;
  if (!batch.unjudged.empty()) return undecided(batch.unjudged, batch.remedy);
  for (const auto& row : batch.rows) {
    const auto worst = fault_of(row, settings);
    if (!worst) continue;
    if (!agreed_alone(observed, *worst, settings))
      return undecided(fmt::format("{} differs from the seal alone already, so a batch of it tells nothing", row.golden_case),
                       "mend what the other golden findings name first");
    return failure_of(*worst, size);
  }
  if (!batch.refused.empty())
    return failed(fmt::format("the network does not take a batch of {}: {}", size, batch.refused), "an answer for each case",
                  "none", batch.remedy);
  if (batch.rows.empty()) return undecided("no case was run in a batch");
  return agreement(batch, size);
}

}  // namespace

const Check k_golden_batch{
    .id = "golden.batch",
    .title = "A case answers alike in a batch",
    .explanation =
        "Sealed with --batch N. Each golden case is run at every row of batches of N, beside other cases and rows with "
        "other values, filled up as --pad says, and its answer is compared with the sealed one of the case alone, by the "
        "limits of golden.native and golden.float64: kernels change with the size of a batch, so bits may differ. Where "
        "it fails, a few more runs tell why: the rows beside it, what it is filled up with, or the row at which it "
        "stands; and the layers of that row are followed to the first that differs.",
    .severity = Severity::required,
    .judge = judge_batches,
};

}  // namespace goldseal
