// SPDX-License-Identifier: Apache-2.0
// `goldseal convert` saves a checkpoint again in another format, dtype or naming, without PyTorch.
// This file plans the output and streams it. The layouts are known to torch_writer.hpp and
// safetensors_writer.hpp.
#pragma once

#include <goldseal/checkpoint/tensors/checkpoint.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace goldseal {

struct ConvertOptions {
  std::filesystem::path output;  ///< `.safetensors`, or `.pth`, `.pt`, `.bin` for torch.save's format
  /// `auto`: every wrapper segment (`module`, `_orig_mod` …), wherever it is; else the segments, `model` or
  /// `detector.core`, that all names begin with. Empty: names stay as they are.
  std::string strip_prefix = {};
  std::vector<std::string> drop = {};  ///< globs over the file's names: what they match is left out
  /// A run of whole segments and what takes its place (empty: nothing) where it first stands in a name, one change after
  /// the other, before `strip_prefix`.
  std::vector<std::pair<std::string, std::string>> rename = {};
  std::optional<DType> dtype = std::nullopt;  ///< for all floating tensors; the others stay as they are
  bool replace = false;
  ByteCounter* counter = nullptr;  ///< of the bytes written, for a thread that shows them
};

struct ConvertResult {
  std::size_t tensors = 0;
  std::uint64_t bytes = 0;         ///< of the file written
  std::size_t renamed = 0;         ///< tensors of another name than before
  std::size_t dropped = 0;         ///< tensors that were left out
  std::size_t converted = 0;       ///< tensors of another element type than before
  std::vector<std::string> notes;  ///< what the output does not keep: shared storages in safetensors
};

/// Writes a checkpoint again, whole or not at all. Tensors become contiguous; bytes are copied unless `dtype` asks for
/// another type, whose rounding is PyTorch's. Throws Error{usage} where names would collide, a prefix, a glob or a run
/// of segments is on no name, nothing would be left, or the output's name has another ending; Error{unsupported} where
/// the format lacks an element type; Error{malformed} where a record differs from its checksum.
ConvertResult convert_checkpoint(const Checkpoint& checkpoint, const ConvertOptions& options);

}  // namespace goldseal
