// SPDX-License-Identifier: Apache-2.0
// The model's files are examined first and without PyTorch, since most faults already show there.
// Digests take longest, so they run in the background. Running the model is left to model_run.hpp,
// all judgement to the checks.
#pragma once

#include <checks/observation.hpp>
#include <goldseal/base/running/progress.hpp>
#include <goldseal/workflow/loading/background_digests.hpp>
#include <goldseal/workflow/loading/open_seal.hpp>
#include <goldseal/workflow/verify/verify.hpp>

#include <filesystem>
#include <optional>

namespace goldseal {

/// The model's files, read without PyTorch and compared with the seal. Their bytes are still being digested.
struct ExaminedFiles {
  ModelSpec model;         ///< how the network is built here: its source is a path on this machine, or a reference
  bool from_seal = false;  ///< it is built from the architecture that the seal embeds
  FileFindings findings;
  ServingObservation serving;                ///< as far as files say: the code, and what describes the network
  std::optional<BackgroundDigests> digests;  ///< of the checkpoint, if it could be read

  /// Null where it could not be read.
  [[nodiscard]] const Checkpoint* checkpoint() const { return digests ? &digests->checkpoint() : nullptr; }
  /// The checkpoint's keys are those of the seal.
  [[nodiscard]] bool keys_match() const { return findings.keys && findings.keys->match.complete(); }
};

/// `depth` says how the model is to be run, if at all. A damaged checkpoint is a finding. Throws Error{io} for one that
/// is missing or that the system does not let be read, Error{malformed} for a seal whose own file is to be loaded as
/// native code.
[[nodiscard]] ExaminedFiles examine_files(const JudgeRequest& request, const OpenSeal& seal,
                                          RunDepth depth = RunDepth::none);

/// Waits for the digests, showing how far they are, and completes the findings. Throws Error{changed} for a file that
/// changed since it was opened.
[[nodiscard]] FileFindings digest_files(ExaminedFiles files, const OpenSeal& seal, Progress& progress);

}  // namespace goldseal
