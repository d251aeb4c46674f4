// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

namespace goldseal {

/// How far a long pass over files is: bytes, counted by the threads at work and read by the one that shows progress.
struct ByteCounter {
  std::atomic<std::uint64_t> done{0};
  std::atomic<std::uint64_t> total{0};  ///< 0 until the pass has begun
  std::atomic<bool> unwanted{false};    ///< set by the one who waits: the pass ends soon, by Error{interrupted}
};

}  // namespace goldseal
