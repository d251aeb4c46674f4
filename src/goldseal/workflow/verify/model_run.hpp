// SPDX-License-Identifier: Apache-2.0
// This file is the worker's part of a verification: build, load, digest, run each case. It also
// repeats a failing run with one setting changed, to find the cause. It only observes. The checks
// judge.
#pragma once

#include <checks/observation.hpp>
#include <goldseal/verdict/stage_log.hpp>
#include <goldseal/workflow/verify/file_examination.hpp>
#include <goldseal/workflow/verify/run_evidence.hpp>
#include <goldseal/workflow/verify/verify.hpp>

#include <filesystem>
#include <optional>

namespace goldseal {

/// The worker's part of a verification.
struct ModelRun {
  RunFindings findings = {};
  MachineFindings machine = {};     ///< with what the worker says of PyTorch
  ServingObservation serving = {};  ///< with what the run says of the code
  std::optional<PartialFindings> partial = {};  ///< what was admitted, where the weights were loaded
  Distributions distributions = {};
  std::vector<RunDigest> digests = {};
};

/// Builds, loads, digests and runs the model, on each device in turn. How it fails is a finding too. `files` must hold
/// a checkpoint; `machine` is what the probes found.
[[nodiscard]] ModelRun run_model(const VerifyRequest& request, const OpenSeal& seal, const ExaminedFiles& files,
                                 MachineFindings machine, StageLog& log);

/// Saved results of an earlier run take the worker's place, and the machine of then that of now. Throws Error{usage}
/// for results of another seal.
[[nodiscard]] ModelRun judge_again(const std::filesystem::path& results, const VerifyRequest& request,
                                   const OpenSeal& seal, const ExaminedFiles& files, StageLog& log);

}  // namespace goldseal
