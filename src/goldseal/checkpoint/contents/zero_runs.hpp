// SPDX-License-Identifier: Apache-2.0
// A download that stops leaves a file of its full length whose rest, or one of whose blocks, is
// zeros. A format without checksums reads it as weights. What tells such zeros from a network's own
// is where they begin and end: a network's own fill whole rows of a tensor.
#pragma once

#include <goldseal/checkpoint/tensors/checkpoint.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace goldseal {

/// Zeros in one of a checkpoint's files that no network is known to hold.
struct ZeroRun {
  std::size_t file = 0;     ///< index into Checkpoint::files
  std::uint64_t begin = 0;  ///< byte of the file
  std::uint64_t bytes = 0;  ///< 4096 or more
  bool to_end = false;      ///< up to the file's last byte
  std::vector<std::string> tensors;  ///< that it covers in whole or in part, in the file's order
};

/// Those of files that carry no checksums of their own, by reading each byte. Zeros count that reach over more than a
/// row of a tensor, and that end the file from the midst of a row on, or begin or end in the midst of a row where a
/// block of a disk does (a multiple of 4096 bytes), or fill a file's every tensor.
[[nodiscard]] std::vector<ZeroRun> find_zero_runs(const Checkpoint& checkpoint);

/// `net.safetensors: bytes 1,024 to 4,096, the last, are zeros: b.weight and 2 more tensors`
[[nodiscard]] std::string to_string(const Checkpoint& checkpoint, const ZeroRun& run);

}  // namespace goldseal
