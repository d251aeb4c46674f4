// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/observation.hpp>
#include <goldseal/base/progress.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>
#include <goldseal/workflow/verify/verify.hpp>

#include <future>
#include <optional>

namespace goldseal {

/// The sha256 of the seal's golden file as it is found; nothing where there is none.
[[nodiscard]] std::optional<Digest> golden_digest(const std::filesystem::path& seal);

/// Reads the model's files and holds them against the seal, without PyTorch. The digests, which read every byte, are
/// computed beside whatever the caller does until `finish`.
class FileExamination {
 public:
  FileExamination(const JudgeRequest& request, Observation& observed);

  /// The checkpoint, if it could be read.
  [[nodiscard]] const std::optional<Checkpoint>& checkpoint() const { return m_checkpoint; }
  /// The checkpoint's keys are those of the seal.
  [[nodiscard]] bool keys_match() const;
  /// Where the network's description lies here: a file's path, or the reference.
  [[nodiscard]] const ModelSpec& model() const { return m_model; }

  /// The network is built from the architecture that the seal embeds.
  [[nodiscard]] bool builds_from_seal() const { return m_from_seal; }

  /// Waits for the digests, showing how far they are, and completes the observation.
  void finish(Progress& progress);

 private:
  void examine_architecture();
  void examine_descriptions();
  void examine_checkpoint(const std::filesystem::path& path);
  void note_damage(const class Error& error);

  const JudgeRequest& m_request;
  Observation& m_observed;
  ModelSpec m_model;
  bool m_from_seal;
  std::optional<Checkpoint> m_checkpoint;
  ByteCounter m_digested;
  std::future<Digests> m_digests;
};

}  // namespace goldseal
