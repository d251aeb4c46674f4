// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/answers/batch_run.hpp>

#include <checks/golden/output_verdicts.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/golden/batch/batch_outputs.hpp>
#include <goldseal/golden/compare/comparison.hpp>
#include <goldseal/workflow/answers/batch_layers.hpp>
#include <goldseal/workflow/answers/output_comparison.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace goldseal {
namespace {

// Batches of these many arrangements are run in float64 too: the case at the first row, and at the last.
constexpr std::size_t k_float64_arrangements = 2;

std::vector<golden::BatchCase> cases_of(const SealedBatches& sealed) {
  std::vector<golden::BatchCase> cases;
  for (const auto& golden : sealed.tensors) cases.push_back({golden.name, golden.inputs});
  return cases;
}

bool is_of_all(const GoldenCase& record, const std::string& output) {
  const auto found = std::ranges::find(record.batch_outputs, output, &BatchOutput::name);
  return found != record.batch_outputs.end() && found->of_all;
}

bool is_detection(const golden::GoldenTensors& golden, const std::string& output) {
  return std::ranges::any_of(golden.detections, [&](const golden::SealedDetections& group) {
    return std::ranges::find(group.outputs, output) != group.outputs.end();
  });
}

// What the network did not give, or in another form. Rows of detections may be more or fewer.
std::vector<OutputObservation> structure_faults(const golden::GoldenTensors& golden, const GoldenCase& record,
                                                const std::vector<HostTensor>& answers) {
  std::vector<OutputObservation> faults;
  for (const auto& output : golden.outputs) {
    const auto& native = output.native;
    if (is_of_all(record, native.name) || is_detection(golden, native.name)) continue;
    const auto* const found = find_tensor(answers, native.name);
    if (found != nullptr && found->shape == native.shape) continue;
    auto& fault = faults.emplace_back();
    fault.golden_case = golden.name;
    fault.output = native.name;
    fault.structure =
        found == nullptr ? "a batch does not give it"
                         : fmt::format("expected the case's part of shape {}, found {}", format_shape(native.shape),
                                       format_shape(found->shape));
  }
  return faults;
}

// The runs of one case.
class CaseInBatches {
 public:
  CaseInBatches(const BatchPlace& place, const SealedBatches& sealed, std::size_t of)
      : m_place(place), m_sealed(sealed), m_cases(cases_of(sealed)), m_golden(sealed.tensors[of]), m_record(sealed.records[of]) {}

  [[nodiscard]] std::vector<BatchOutput> places() {
    static constexpr std::array<std::size_t, 1> k_first{0};
    std::vector<std::vector<HostTensor>> runs{run(k_first, Compute::native, golden::Beside::plain)};
    for (const auto beside : {golden::Beside::sealed, golden::Beside::changed})
      if (auto outputs = made_run(k_first, Compute::native, beside)) runs.push_back(std::move(*outputs));
    return golden::find_places(m_golden.outputs, runs, m_sealed.batch);
  }

  [[nodiscard]] std::string layers() {
    if (m_golden.layers.empty()) return {};
    const auto compute = in_float64() ? Compute::float64 : Compute::native;
    std::string letters(m_golden.layers.size(), k_any_part);
    const auto sets = golden::arrangements(m_sealed.batch.size);
    for (std::size_t i = 0; i < k_float64_arrangements; ++i) {
      const auto batch = made(sets[i], golden::Beside::sealed);
      const CaseRunner runner(m_place.worker, batch.inputs, "batch");
      letters = parts_that_agree(runner, request(compute), {m_sealed.batch, m_golden, sets[i].front()}, letters);
    }
    return letters;
  }

  bool observe(BatchFindings& findings) {
    const auto sets = golden::arrangements(m_sealed.batch.size);
    for (std::size_t i = 0; i < sets.size(); ++i) {
      if (in_float64() && i < k_float64_arrangements && !observe_run(sets[i], Compute::float64, findings)) return false;
      if (!observe_run(sets[i], Compute::native, findings)) return false;
    }
    return true;
  }

 private:
  [[nodiscard]] bool in_float64() const { return !m_place.quick && has_reference(m_golden); }

  [[nodiscard]] RunRequest request(Compute compute) const {
    auto made = compute == Compute::float64 ? RunRequest{} : m_place.settings;
    made.compute = compute;
    return made;
  }

  [[nodiscard]] golden::Batch made(std::span<const std::size_t> rows, golden::Beside beside) const {
    return golden::make_batch(m_sealed.batch, m_record, m_cases, rows, beside);
  }

  [[nodiscard]] std::vector<HostTensor> run(std::span<const std::size_t> rows, Compute compute, golden::Beside beside) {
    return CaseRunner(m_place.worker, made(rows, beside).inputs, "batch").run(request(compute));
  }

  [[nodiscard]] std::vector<HostTensor> answers(std::size_t row, const std::vector<HostTensor>& outputs) const {
    return golden::answers_at(row, m_sealed.batch, m_record.batch_outputs, m_golden.outputs, outputs);
  }

  // A float64 run is compared alone: the sealed native answers stand for those of a native one.
  [[nodiscard]] BatchObservation compared(std::size_t row, Compute compute, std::vector<HostTensor> found) const {
    BatchObservation observed{.golden_case = m_golden.name, .row = row, .run = compute, .device = m_place.label};
    observed.outputs = structure_faults(m_golden, m_record, found);
    if (!observed.outputs.empty()) return observed;
    CaseResults results{m_golden.name, {}, {}, {}, {}, {}};
    if (compute == Compute::float64) {
      for (const auto& output : m_golden.outputs) results.native.push_back(output.native);
      results.float64 = std::move(found);
    } else {
      results.native = std::move(found);
    }
    observed.outputs = compare_outputs(m_golden, results);
    std::erase_if(observed.outputs, [&](const auto& output) { return is_of_all(m_record, output.output); });
    for (auto& detections : compare_detections(m_golden, results))
      if (detections.run == compute) observed.detections.push_back(std::move(detections));
    for (auto& output : observed.outputs) output.device = m_place.label;
    return observed;
  }

  bool observe_run(const std::vector<std::size_t>& rows, Compute compute, BatchFindings& findings) {
    const auto batch = made(rows, golden::Beside::sealed);
    const CaseRunner runner(m_place.worker, batch.inputs, "batch");
    const auto outputs = runner.run(request(compute));
    for (const auto row : rows) {
      auto observed = compared(row, compute, answers(row, outputs));
      observed.padded = batch.padded;
      const bool same = agrees(observed, m_place.policy);
      if (!same) {
        observed.cause = cause_of(rows, row, compute, batch.padded, answers(row, outputs));
        const CaseRunner again(m_place.worker, batch.inputs, "batch");
        observed.trace = trace_row(again, request(compute), {m_sealed.batch, m_golden, row}, m_record.batch_layers);
      }
      findings.rows.push_back(std::move(observed));
      if (!same) return false;
    }
    return true;
  }

  BatchCause cause_of(const std::vector<std::size_t>& rows, std::size_t row, Compute compute, bool padded,
                      const std::vector<HostTensor>& found) {
    if (const auto other = tried(rows, row, compute, golden::Beside::changed); other && differ(found, *other, compute))
      return BatchCause::beside;
    if (padded) {
      const auto plain = tried(rows, row, compute, golden::Beside::plain);
      if (plain && agrees(compared(row, compute, *plain), m_place.policy)) return BatchCause::padding;
    }
    for (const auto& others : golden::arrangements(m_sealed.batch.size)) {
      if (std::ranges::find(others, row) != others.end()) continue;
      const auto elsewhere = tried(others, others.front(), compute, golden::Beside::sealed);
      if (elsewhere && agrees(compared(others.front(), compute, *elsewhere), m_place.policy)) return BatchCause::position;
    }
    return BatchCause::none;
  }

  // A run that the network does not make tells nothing; one that ends the worker ends all.
  std::optional<std::vector<HostTensor>> made_run(std::span<const std::size_t> rows, Compute compute,
                                                  golden::Beside beside) {
    try {
      return run(rows, compute, beside);
    } catch (const Error&) {
      if (!m_place.worker.is_well()) throw;
      return std::nullopt;
    }
  }

  std::optional<std::vector<HostTensor>> tried(const std::vector<std::size_t>& rows, std::size_t row, Compute compute,
                                               golden::Beside beside) {
    const auto outputs = made_run(rows, compute, beside);
    return outputs ? std::optional(answers(row, *outputs)) : std::nullopt;
  }

  // By more than rounding explains.
  [[nodiscard]] bool differ(const std::vector<HostTensor>& a, const std::vector<HostTensor>& b, Compute compute) const {
    return std::ranges::any_of(m_golden.outputs, [&](const golden::GoldenOutput& output) {
      const auto* const one = find_tensor(a, output.native.name);
      const auto* const other = find_tensor(b, output.native.name);
      if (one == nullptr || other == nullptr) return one != other;
      if (one->shape != other->shape) return true;
      if (!output.noise || one->shape != output.native.shape) return !has_same_bits(*one, {*other});
      const auto deviation = golden::compare(*other, widened(*one), *output.noise);
      const bool in_float64 = compute == Compute::float64;
      return !(in_float64 ? golden::judge_float64(deviation, *output.noise) : golden::judge_native(deviation, *output.noise)).pass;
    });
  }

  const BatchPlace& m_place;
  const SealedBatches& m_sealed;
  std::vector<golden::BatchCase> m_cases;
  const golden::GoldenTensors& m_golden;
  const GoldenCase& m_record;
};

}  // namespace

std::vector<BatchOutput> learn_places(const BatchPlace& place, const SealedBatches& sealed, std::size_t of) {
  return CaseInBatches(place, sealed, of).places();
}

std::string learn_layers(const BatchPlace& place, const SealedBatches& sealed, std::size_t of) {
  return CaseInBatches(place, sealed, of).layers();
}

bool observe_batches(const BatchPlace& place, const SealedBatches& sealed, std::size_t of, BatchFindings& findings) {
  for (const auto& output : sealed.records[of].batch_outputs)
    if (output.of_all) findings.of_all.push_back(fmt::format("{}/{}", sealed.records[of].name, output.name));
  try {
    return CaseInBatches(place, sealed, of).observe(findings);
  } catch (const Error& error) {
    const auto& failure = place.worker.failure();
    const bool raised = failure && failure->kind == WorkerFailure::Kind::raised;
    if (!raised && error.kind() != ErrorKind::unsupported && error.kind() != ErrorKind::usage) throw;
    findings.refused = error.message();
    return false;
  }
}

bool agrees(const BatchObservation& row, const Policy& policy) {
  const auto as_sealed = [&](const OutputObservation& output) { return agrees(output, row.run, policy); };
  return std::ranges::all_of(row.outputs, as_sealed) && std::ranges::all_of(row.detections, [](const auto& found) { return found.verdict.pass(); });
}

}  // namespace goldseal
