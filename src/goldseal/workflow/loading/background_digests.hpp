// SPDX-License-Identifier: Apache-2.0
// Digests read every byte of a checkpoint and need no worker, while a worker's start needs no digests. This file computes
// them beside whatever else is done.
#pragma once

#include <goldseal/base/running/progress.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>

#include <future>
#include <memory>

namespace goldseal {

/// The digests of a checkpoint, computed on other threads.
class BackgroundDigests {
 public:
  /// Begins at once, on other threads.
  explicit BackgroundDigests(Checkpoint checkpoint);
  /// Ends them where nobody waits for them any more: those of 200 GB take minutes.
  ~BackgroundDigests();
  BackgroundDigests(BackgroundDigests&&) = default;
  BackgroundDigests& operator=(BackgroundDigests&&) = default;

  [[nodiscard]] const Checkpoint& checkpoint() const { return m_job->checkpoint; }
  /// Waits for them, showing how far they are. May be called once. Throws as digest_everything does.
  [[nodiscard]] Digests wait(Progress& progress);

 private:
  struct Job {
    Checkpoint checkpoint;
    ByteCounter digested;
  };
  std::shared_ptr<Job> m_job;
  std::future<Digests> m_digests;
};

}  // namespace goldseal
