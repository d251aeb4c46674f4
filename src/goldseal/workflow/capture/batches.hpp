// SPDX-License-Identifier: Apache-2.0
// What a capture seals of batches (--batch): how they are made, where each output stands in them, and that every case
// answers in them as it does alone. The runs are those of a verification (shared/batch_run.hpp).
#pragma once

#include <goldseal/workflow/capture/stages.hpp>

#include <optional>

namespace goldseal {

/// Runs the cases of `measured` in batches and writes into its records how. Nothing, with a finding in the log, where a
/// case answers otherwise. Throws Error{usage} where the inputs make no batch.
[[nodiscard]] std::optional<BatchRecord> measure_batches(Measured& measured, const CaptureRequest& request, Worker& worker,
                                                         CaptureLog& log);

/// Whether the network that `worker` holds, built from the embedded file, answers in batches as the sealed one does.
[[nodiscard]] bool takes_batches(Worker& worker, const BatchRecord& batch, const std::vector<GoldenCase>& records,
                                 const std::vector<golden::GoldenTensors>& tensors);

}  // namespace goldseal
