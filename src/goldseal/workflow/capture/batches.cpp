// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/capture/batches.hpp>

#include <checks/catalogue.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/workflow/answers/batch_run.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace goldseal {
namespace {

bool is_fixed(Builder builder) { return builder == Builder::exported || builder == Builder::aoti; }

std::string remedy_for(Builder builder, std::int64_t size) {
  if (is_fixed(builder))
    return fmt::format("export it with a batch size that is open (dynamic_shapes={{\"x\": {{0: Dim.AUTO}}}}), or seal it "
                       "without --batch {}", size);
  return "give inputs whose dimension 0 is the batch, or say which one is (--batch-dim), and have the network keep it "
         "(x.flatten(1), not x.view(1, -1)); a length that the network does not take calls for golden cases of other "
         "lengths (--cases)";
}

// Fills in the case's part of the record: what is beside it, and where its outputs are.
void learn(const BatchPlace& place, const BatchRecord& batch, std::span<const golden::BatchCase> cases, std::size_t of,
           Measured& measured) {
  auto& record = measured.records[of];
  record.beside = golden::choose_beside(batch, of, cases);
  record.batch_outputs = learn_places(place, {batch, measured.records, measured.tensors}, of);
  if (std::ranges::all_of(record.batch_outputs, &BatchOutput::of_all))
    throw Error(ErrorKind::unsupported, "--batch",
                fmt::format("expected an output with an answer for each case of a batch of {}, found none: no shape grows "
                            "with the number of cases alone", batch.size),
                "give inputs whose dimension 0 is the batch, or say which one is (--batch-dim), and have the network give "
                "an answer for each of its rows, beside what is of all of them or of a size of its own");
}

// Learns and judges each case in turn; false where one differs.
bool run_all(const BatchPlace& place, const BatchRecord& batch, std::span<const golden::BatchCase> cases, Measured& measured,
             BatchFindings& findings) {
  for (std::size_t i = 0; i < cases.size(); ++i) {
    learn(place, batch, cases, i, measured);
    const SealedBatches sealed{batch, measured.records, measured.tensors};
    if (!observe_batches(place, sealed, i, findings)) return false;
    measured.records[i].batch_layers = learn_layers(place, sealed, i);
  }
  return true;
}

}  // namespace

std::optional<BatchRecord> measure_batches(Measured& measured, const CaptureRequest& request, Worker& worker,
                                           CaptureLog& log) {
  log.progress().step(fmt::format("running batches of {}", request.batch.size));
  std::vector<golden::BatchCase> cases;
  for (const auto& golden : measured.tensors) cases.push_back({golden.name, golden.inputs});
  const auto batch = golden::plan_batch(request.batch, cases);
  Observation observed;
  observed.sealed.batch = batch;
  observed.run.depth = request.quick ? RunDepth::quick : RunDepth::full;
  auto& findings = observed.run.batch.emplace();
  findings.remedy = remedy_for(measured.loaded.built.opened.model.builder, batch.size);
  const BatchPlace place{worker, request.policy, {}, request.quick};
  try {
    run_all(place, batch, cases, measured, findings);
  } catch (const Error& error) {
    // What the network says of a batch; the first run is made to learn its outputs.
    const auto& failure = worker.failure();
    if (!failure || failure->kind != WorkerFailure::Kind::raised) throw;
    findings.refused = error.message();
  }
  const bool holds = log.judge(k_golden_batch, observed);
  log.lap("batches");
  return holds ? std::optional(batch) : std::nullopt;
}

bool takes_batches(Worker& worker, const BatchRecord& batch, const std::vector<GoldenCase>& records,
                   const std::vector<golden::GoldenTensors>& tensors) {
  const Policy policy;
  const BatchPlace place{worker, policy};
  BatchFindings findings;
  for (std::size_t i = 0; i < tensors.size(); ++i)
    if (!records[i].beside.empty() && !observe_batches(place, {batch, records, tensors}, i, findings)) return false;
  return true;
}

}  // namespace goldseal
