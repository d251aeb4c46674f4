// SPDX-License-Identifier: Apache-2.0
// A pickled tensor is a call of a rebuild function with sizes and strides. This class makes the
// tensor from those arguments, without the call, and checks its extents. Storages come from the
// container's reader.
#pragma once

#include <goldseal/checkpoint/pickle/pickle.hpp>
#include <goldseal/checkpoint/state_dict/state_dict.hpp>
#include <goldseal/checkpoint/state_dict/storage_id.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace goldseal::pickle {

/// Views may overlap, and an expanded one repeats its elements, but a file whose tensors unfold to far more than it
/// holds is a bomb.
inline constexpr std::uint64_t k_unfold_factor = 64;
inline constexpr std::uint64_t k_unfold_allowance = 1ULL << 30;

/// Makes tensors of the calls that a pickle would rebuild them with, over storages of a checkpoint's files.
class TensorRebuilder {
 public:
  /// Finds every storage of the document. All but the checkpoint is borrowed as long as the object lives; storages are
  /// added to the checkpoint when a tensor first uses them.
  TensorRebuilder(const Document& document, const std::string& where, const FindStorage& find, Checkpoint& checkpoint);

  /// Nothing for a tensor that is not a strided view of a storage. Throws Error{malformed} with the name.
  [[nodiscard]] std::optional<Tensor> rebuild(std::string name, Id call);
  /// The same for a function and its arguments.
  [[nodiscard]] std::optional<Tensor> rebuild(std::string name, const Global& callee, Id arguments);

 private:
  /// A storage, where it is, and its number in the checkpoint once a tensor uses it.
  struct StorageRow {
    StorageId id;
    Storage place;
    std::optional<std::size_t> used_as;
  };

  void read_storages();
  Storage place(const StorageId& id) const;
  std::optional<Tensor> read_tensor(const Global& callee, Id arguments, int depth);
  Tensor read_strided(std::span<const Id> arguments, bool typed_by_argument);
  std::optional<Tensor> read_parameter(std::span<const Id> arguments, int depth);
  std::optional<Tensor> read_device_tensor(std::span<const Id> arguments, int depth);
  std::optional<Tensor> read_from_type(std::span<const Id> arguments, int depth);
  void check_gradient(Id id) const;
  void check_quantizer(Id id, const Tensor& tensor) const;
  void check_hooks(Id id) const;
  bool has_lazy_bits(std::span<const Id> arguments, std::size_t at) const;
  void check_extent(const Tensor& tensor, const StorageRow& storage);
  std::vector<std::int64_t> sizes(Id id, std::string_view what) const;
  std::size_t use(StorageRow& row);
  std::span<const Id> tuple(Id id, std::size_t least, std::size_t most) const;
  [[noreturn]] void fail(std::string message) const;

  const Document& m_document;
  const std::string& m_where;
  const FindStorage& m_find;
  Checkpoint& m_checkpoint;
  std::vector<StorageRow> m_storages;
  std::unordered_map<Id, std::size_t> m_by_persistent;
  std::string m_name;  // of the tensor that is being read
  std::uint64_t m_unfolded = 0;
};

}  // namespace goldseal::pickle
