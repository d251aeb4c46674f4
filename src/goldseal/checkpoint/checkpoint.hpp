// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/base/dtype.hpp>
#include <goldseal/base/mapped_file.hpp>
#include <goldseal/base/sha256.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal {

/// A storage: a run of bytes in one of the checkpoint's files that tensors are views of.
struct Storage {
  std::size_t file = 0;  ///< index into Checkpoint::files
  std::uint64_t begin = 0;
  std::uint64_t bytes = 0;
  std::string location;  ///< as saved, never interpreted: `cpu`, `cuda:0`; empty where the format has none
};

/// A tensor as the file describes it. Extents have been checked against the storage, and the storage against the file.
struct Tensor {
  std::string name;  ///< the key in the file
  DType dtype = DType::float32;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;  ///< in elements, never negative
  std::int64_t offset = 0;            ///< in elements, from the start of the storage
  std::size_t storage = 0;            ///< index into Checkpoint::storages; equal for tied tensors
  bool parameter = false;             ///< saved as nn.Parameter
};

/// Something about a file worth telling that does not make it unusable.
struct Note {
  std::string rule;  ///< `zip.crc-absent`, `pickle.extra-attribute`
  std::string message;
};

/// A checkpoint: a table of named tensors over mapped files. Nothing in it was executed.
struct Checkpoint {
  std::string container;  ///< `torch-zip`, `safetensors`
  std::string entry;      ///< where in a wrapped checkpoint the state dict was: `model`; empty for the top level
  std::vector<std::shared_ptr<const MappedFile>> files;
  std::vector<Storage> storages;
  std::vector<Tensor> tensors;  ///< in the file's order
  std::vector<Note> notes;
  std::vector<std::string> candidates;  ///< other state dicts in the file: `ema`, `optimizer.state`
  bool big_endian = false;

  [[nodiscard]] std::span<const std::byte> bytes(const Storage& storage) const;
};

struct OpenOptions {
  std::string entry;  ///< which state dict of a wrapped checkpoint; empty: the only plausible one
};

/// Opens a checkpoint of any kind that goldseal reads, by its content, not by its name. Throws Error: `io`, `malformed`
/// (with the file, the offset and the rule broken), `unsupported` (with what the file is instead).
[[nodiscard]] Checkpoint open_checkpoint(const std::filesystem::path& path, const OpenOptions& options = {});

/// Bytes of the tensor's elements, packed.
[[nodiscard]] std::uint64_t tensor_bytes(const Tensor& tensor);
[[nodiscard]] bool is_contiguous(const Tensor& tensor);

/// SHA-256 over the tensor's elements in row-major order, little-endian; the same for a view and for its contiguous
/// copy.
[[nodiscard]] Digest digest(const Checkpoint& checkpoint, const Tensor& tensor);

/// All tensors' digests, in order, computed on every processor.
[[nodiscard]] std::vector<Digest> digest_all(const Checkpoint& checkpoint);

/// SHA-256 of one of its files: all of it, and with every byte that belongs to a storage left out (its frame).
struct FileDigests {
  Digest whole;
  Digest frame;
};
[[nodiscard]] FileDigests digest_file(const Checkpoint& checkpoint, std::size_t file);

}  // namespace goldseal
