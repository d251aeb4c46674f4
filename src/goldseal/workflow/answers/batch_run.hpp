// SPDX-License-Identifier: Apache-2.0
// Capture and verify run golden cases inside batches, and hold each answer against the sealed one of the case alone. This
// file makes those runs, and where an answer differs the few more that tell why: other rows beside it, nothing filled up,
// another row. How a batch is made belongs to golden/batch, the verdict to checks/golden/batch.cpp.
#pragma once

#include <checks/observation.hpp>
#include <checks/policy.hpp>
#include <goldseal/golden/batch/batch.hpp>
#include <goldseal/golden/file/golden_file.hpp>
#include <goldseal/workflow/answers/case_runner.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace goldseal {

/// Where batches are run, and by what they are judged.
struct BatchPlace {
  Worker& worker;
  const Policy& policy;
  RunRequest settings = {};  ///< of the native runs
  bool quick = false;        ///< no float64 runs
  std::optional<Device> label = {};
};

/// The sealed cases with how their batches are made.
struct SealedBatches {
  const BatchRecord& batch;
  std::span<const GoldenCase> records;
  std::span<const golden::GoldenTensors> tensors;  ///< of the same cases
};

/// Learns from three runs, of which the first has nothing filled up, where the outputs of case `of` stand in a batch. Throws what the run
/// throws.
[[nodiscard]] std::vector<BatchOutput> learn_places(const BatchPlace& place, const SealedBatches& sealed, std::size_t of);

/// Learns for each sealed layer of a case how its part of one row is cut out: `c` one after the other, `i` in turn, `-`
/// not at all. Empty where layers are not sealed, or cannot be followed.
[[nodiscard]] std::string learn_layers(const BatchPlace& place, const SealedBatches& sealed, std::size_t of);

/// Runs a case in batches, at every row once, until an answer differs. True where all agree. What the network says of a
/// batch that it does not take goes to `findings`; other errors are thrown.
bool observe_batches(const BatchPlace& place, const SealedBatches& sealed, std::size_t of, BatchFindings& findings);

/// Whether a case at a row answers as it does alone.
[[nodiscard]] bool agrees(const BatchObservation& row, const Policy& policy);

}  // namespace goldseal
