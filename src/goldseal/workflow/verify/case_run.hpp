// SPDX-License-Identifier: Apache-2.0
// One golden case on one device: the runs that are always made, and the one that finds the layer at which a differing run
// parts from the sealed one. Searching the cause with other settings is left to trials.hpp.
#pragma once

#include <goldseal/base/messages/error.hpp>
#include <goldseal/golden/file/golden_file.hpp>
#include <goldseal/workflow/answers/case_runner.hpp>
#include <goldseal/workflow/verify/model_run.hpp>

#include <optional>
#include <vector>

namespace goldseal {

/// What goes wrong in a run may be the model's doing; what the system refuses, what changed meanwhile and what the user
/// stops is not.
[[nodiscard]] inline bool is_of_model(ErrorKind kind) {
  return kind != ErrorKind::interrupted && kind != ErrorKind::io && kind != ErrorKind::changed;
}

/// Where the golden cases are run: a worker that holds the loaded network, on one device.
struct RunPlace {
  const VerifyRequest& request;
  const Manifest& sealed;
  Worker& worker;
  RunRequest settings;          ///< of the native runs
  Device device;                ///< where the model runs
  std::optional<Device> label;  ///< the same, where there are several
  StageLog& log;
  bool judges_compiled = false;  ///< native runs are those of a compiled form
};

/// Runs a case: natively, and at full depth once more and in float64. Why a float64 run was declined goes to
/// `findings`.
[[nodiscard]] CaseResults run_case(const RunPlace& place, const CaseRunner& runner, const golden::GoldenTensors& golden,
                                   RunFindings& findings);

/// Compares the results of a case with the sealed ones.
void observe_case(const golden::GoldenTensors& golden, const CaseResults& results, const std::optional<Device>& label,
                  ModelRun& run);

/// Whether the outputs that were sealed as random vary: a network that lost its dropout or noise answers the same
/// whatever is drawn.
void observe_randomness(const RunPlace& place, const CaseRunner& runner, const golden::GoldenTensors& golden,
                        RunFindings& findings);

/// Where the weights are the sealed ones and the answers are not, the run is made once more, layer by layer, and its
/// layers become part of `results`. A run that cannot be followed leaves the findings as they are.
void follow_layers(const RunPlace& place, const CaseRunner& runner, const golden::GoldenTensors& golden,
                   CaseResults& results, RunFindings& findings);
void observe_layers(const golden::GoldenTensors& golden, Compute compute,
                    const std::vector<golden::LayerSketch>& layers, const std::optional<Device>& label,
                    RunFindings& findings);

}  // namespace goldseal
