// SPDX-License-Identifier: Apache-2.0
// Digests of large checkpoints should be bounded by the disk, not by one processor. This file
// spreads tasks over processors and hashes several runs side by side. What to digest is left to
// digest.cpp.
#pragma once

#include <goldseal/base/bytes/sha256.hpp>
#include <goldseal/base/running/byte_counter.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace goldseal {

/// One piece of a pass over a checkpoint's bytes: a run of bytes to digest, or any other work.
struct DigestTask {
  std::uint64_t cost = 0;               ///< bytes that it reads
  std::span<const std::byte> run = {};  ///< to digest; unused where there is `work`
  bool checksum = false;                ///< its CRC-32 too
  std::function<void(const Digest&, std::uint32_t checksum)> done = {};
  std::function<void()> work = {};
};

/// Runs all tasks on every processor, the longest first; each processor digests several runs side by side. What a task
/// throws ends the pass and is thrown here. `counter` counts the bytes.
void run_digest_tasks(std::vector<DigestTask> tasks, ByteCounter& counter);

}  // namespace goldseal
