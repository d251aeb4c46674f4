// SPDX-License-Identifier: Apache-2.0
// The model's files are examined first and without PyTorch, since most faults already show there.
// Digests take longest, so they run in the background. Running the model is left to model_run.hpp,
// all judgement to the checks.
#pragma once

#include <checks/observation.hpp>
#include <goldseal/base/progress.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>
#include <goldseal/workflow/shared/open_seal.hpp>
#include <goldseal/workflow/verify/verify.hpp>

#include <future>
#include <optional>

namespace goldseal {

/// Reads the model's files and compares them with the seal, without PyTorch. The digests, which read every byte, are
/// computed beside whatever the caller does until `finish`. An unreadable file is not damage: it throws Error{io}. A
/// file that changes meanwhile throws Error{changed}.
class FileExamination {
 public:
  /// `seal` outlives the object.
  FileExamination(const JudgeRequest& request, const OpenSeal& seal, Observation& observed);
  ~FileExamination();
  FileExamination(const FileExamination&) = delete;
  FileExamination& operator=(const FileExamination&) = delete;

  /// The checkpoint, if it could be read.
  [[nodiscard]] const std::optional<Checkpoint>& checkpoint() const { return m_checkpoint; }
  /// The checkpoint's keys are those of the seal.
  [[nodiscard]] bool keys_match() const;
  /// Where the network's description lies here: a file's path, or the reference.
  [[nodiscard]] const ModelSpec& model() const { return m_model; }

  /// The seal that is judged.
  [[nodiscard]] const OpenSeal& seal() const { return m_seal; }

  /// The network is built from the architecture that the seal embeds.
  [[nodiscard]] bool builds_from_seal() const { return m_from_seal; }

  /// Waits for the digests, showing how far they are, and completes the observation.
  void finish(Progress& progress);

 private:
  void examine_architecture();
  void examine_descriptions();
  void examine_checkpoint(const std::filesystem::path& path);
  void note_damage(const class Error& error);
  void take(const Digests& digests);

  const JudgeRequest& m_request;
  const OpenSeal& m_seal;
  Observation& m_observed;
  ModelSpec m_model;
  bool m_from_seal;
  std::optional<Checkpoint> m_checkpoint;
  ByteCounter m_digested;
  std::future<Digests> m_digests;
};

}  // namespace goldseal
