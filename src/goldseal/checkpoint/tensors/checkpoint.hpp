// SPDX-License-Identifier: Apache-2.0
// Every reader produces this table of tensors, and everything else works on it. A Checkpoint maps
// its files and names extents in them, without copies of weights. Digests cover the table here,
// files and records included.
#pragma once

#include <goldseal/base/bytes/sha256.hpp>
#include <goldseal/base/files/mapped_file.hpp>
#include <goldseal/base/kinds/container.hpp>
#include <goldseal/base/kinds/dtype.hpp>
#include <goldseal/base/running/byte_counter.hpp>
#include <goldseal/checkpoint/tensors/unread_tensor.hpp>

#include <cstdint>
#include <map>
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

/// A part of a tensor that several ranks saved in pieces: a box of its elements, in a storage of its own.
struct Chunk {
  std::vector<std::int64_t> at;     ///< in the tensor, of the box's first element
  std::vector<std::int64_t> shape;  ///< of the box
  std::vector<std::int64_t> strides;
  std::int64_t offset = 0;
  std::size_t storage = 0;  ///< as strides and offset, like a tensor's
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
  /// The chunks of a tensor that was saved in pieces; they hold each element once. Empty for a tensor in one piece.
  /// With chunks, `strides` are those of the whole tensor, `offset` is 0, and `storage` is that of the first chunk.
  std::vector<Chunk> chunks = {};
};

/// A value of a state dict that is no tensor, as plain data (PROTOCOL.md, values).
struct PlainValue {
  enum class Kind {
    none,
    boolean,
    integer,
    real,     ///< `text` is its 64 bits, in 16 hexadecimal digits
    complex,  ///< the same of both parts
    text,
    bytes,
    byte_array,
    stream,  ///< io.BytesIO: its contents
    dtype,
    device,
    tensor,  ///< `tensor` is its index in ExtraState::tensors
    tuple,
    list,
    set,
    dict,  ///< key and value in turn
    ordered_dict,
  };
  Kind kind = Kind::none;
  std::string text = {};
  std::vector<PlainValue> items = {};
  std::size_t tensor = 0;
};
[[nodiscard]] std::string_view to_string(PlainValue::Kind kind);

/// What get_extra_state() gave, where that is no tensor alone.
struct ExtraState {
  std::string name;       ///< the key in the file: `layer._extra_state`
  std::string what = {};  ///< `96 bytes`
  PlainValue value = {};
  std::vector<Tensor> tensors = {};
  std::string unreadable = {};  ///< what it holds that is no plain value; empty where there is nothing such
};

/// Something about a file worth telling that does not make it unusable.
struct Note {
  std::string rule;  ///< `zip.crc-absent`, `pickle.extra-attribute`
  std::string message;
  std::vector<UnreadTensor> unread = {};  ///< those that it tells of
};

/// A record whose CRC-32 the container carries. Opening leaves it unread; verify_records and digest_everything check
/// it.
struct RecordChecksum {
  std::size_t file = 0;  ///< index into Checkpoint::files
  std::uint64_t begin = 0;
  std::uint64_t bytes = 0;
  std::uint32_t crc32 = 0;
  std::string name;  ///< in the archive: `archive/data/0`
};

/// A tensor of the state dict other than a plain view of a storage: of a class that torchao, a training framework or
/// the user's own code defines.
struct SubclassTensor {
  std::string name;
  std::string type;  ///< its class: `torchao.quantization.Int8Tensor`
  std::string what;  ///< in words: `one rank's part: shard 0 of 2 on dim 0; local [4, 8] of global [8, 8]`
  std::optional<DType> dtype = std::nullopt;  ///< that it shows to code, where the file tells
  std::vector<std::int64_t> shape = {};       ///< likewise
  /// The tensors that it is made of, under their attributes' names: `fc.weight.qdata`. They are in Checkpoint::tensors.
  std::vector<std::string> parts = {};
};

/// A value beside the tensors that Python's code is needed for.
struct HeldObject {
  std::string path;  ///< in the file: `config`; `.` for the whole
  std::string type;  ///< `omegaconf.dictconfig.DictConfig`
  std::string what;  ///< `an OmegaConf configuration`
  std::string subscript = {};  ///< how Python reaches it from the loaded file, `['config']`; empty where by attributes
};

/// A state dict among several in one file.
struct Candidate {
  std::string entry;         ///< its path, `model` or `optimizer.state`; `.` for the top level
  std::size_t tensors = 0;   ///< that it holds
  bool plausible = false;    ///< may be a network's weights, not an optimizer's moments or a seed; once, if there twice
  std::string same_as = {};  ///< an entry before it with the same names for the same parts of the same storages
};

/// A checkpoint: a table of named tensors over mapped files. Nothing in it was executed.
struct Checkpoint {
  Container container;
  std::string entry;  ///< where in a wrapped checkpoint the state dict was: `model`; empty for the top level
  std::vector<std::shared_ptr<const MappedFile>> files;
  std::vector<Storage> storages;
  std::vector<Tensor> tensors;  ///< in the file's order
  std::vector<Note> notes;
  bool packed_weights = false;  ///< quantized weights inside packed objects, which have no names and are not listed
  std::vector<std::string> candidates;  ///< other state dicts in the file: `ema`, `optimizer.state`
  std::vector<Candidate> entries;       ///< every state dict in the file, the one that was opened among them
  std::vector<ExtraState> extra_states = {};     ///< of the state dict
  std::vector<SubclassTensor> subclass_tensors;  ///< of the state dict; only where the contents alone were asked for
  std::vector<HeldObject> objects;               ///< likewise
  std::vector<RecordChecksum> records;
  bool big_endian = false;
  std::map<std::string, std::string> metadata;  ///< that a safetensors file holds about itself: `format`
  int format_version = 0;  ///< of a torch zip: its record `version`; 0 where the format has none

  [[nodiscard]] std::span<const std::byte> bytes(const Storage& storage) const;
};

/// Bytes of the tensor's elements, packed.
[[nodiscard]] std::uint64_t tensor_bytes(const Tensor& tensor);
[[nodiscard]] bool is_contiguous(const Tensor& tensor);

/// True where the tensor's elements are a run of the storage without a gap, in whatever order.
[[nodiscard]] bool is_dense(const Tensor& tensor);

/// SHA-256 over the tensor's elements in row-major order, little-endian; the same for a view and for its contiguous
/// copy.
[[nodiscard]] Digest digest(const Checkpoint& checkpoint, const Tensor& tensor);

/// All tensors' digests, in order, computed on every processor; every record is checked by its checksum meanwhile.
/// Throws as digest_everything does. `counter`, if given, shows other threads how far it is.
[[nodiscard]] std::vector<Digest> digest_all(const Checkpoint& checkpoint, ByteCounter* counter = nullptr);

/// SHA-256 of one of its files: all of it, and its frame: all but the bytes that the digests of the tensors cover (of
/// every storage that tensors fill without a gap). Tensors' digests and frame together cover every byte of the file.
struct FileDigests {
  Digest whole;
  Digest non_tensor;
};
[[nodiscard]] FileDigests digest_file(const Checkpoint& checkpoint, std::size_t file);

/// Checks every record by its checksum, on every processor. Throws Error{malformed} for the first that differs.
void verify_records(const Checkpoint& checkpoint);

/// Tensors, files and checksums in one parallel pass, the longest work first.
struct Digests {
  std::vector<Digest> tensors;     ///< as digest_all gives them
  std::vector<FileDigests> files;  ///< by the index into Checkpoint::files
};
/// Throws Error{malformed} where a record differs from its checksum, and Error{io} where a file changed meanwhile.
[[nodiscard]] Digests digest_everything(const Checkpoint& checkpoint, ByteCounter* counter = nullptr);

}  // namespace goldseal
