// SPDX-License-Identifier: Apache-2.0
// torch/_utils.py defines what the rebuild functions take; torch/serialization.py what a storage's persistent id holds.
#include <goldseal/checkpoint/state_dict/tensor_rebuilder.hpp>

#include <goldseal/base/bytes/checked.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/state_dict/state_dict_search.hpp>
#include <goldseal/checkpoint/tensors/tensor_view.hpp>

#include <fmt/format.h>

#include <map>
#include <utility>

namespace goldseal::pickle {
namespace {

constexpr std::size_t k_rank_limit = 64;  // TensorImpl's, and numpy's

}  // namespace

TensorRebuilder::TensorRebuilder(const Document& document, const std::string& where, const FindStorage& find,
                                 Checkpoint& checkpoint)
    : m_document(document), m_where(where), m_find(find), m_checkpoint(checkpoint) {
  read_storages();
}

std::optional<Tensor> TensorRebuilder::rebuild(std::string name, Id call) {
  return rebuild(std::move(name), m_document.global(m_document.callee(call)), m_document.arguments(call));
}

std::optional<Tensor> TensorRebuilder::rebuild(std::string name, const Global& callee, Id arguments) {
  m_name = std::move(name);
  auto tensor = read_tensor(callee, arguments, 0);
  if (tensor) tensor->name = m_name;
  return tensor;
}

void TensorRebuilder::fail(std::string message) const {
  const auto name = m_name.empty() ? std::string() : fmt::format("tensor '{}': ", escape_unprintable(m_name));
  throw Error(ErrorKind::malformed, m_where, name + std::move(message), "take the file from its source again");
}

std::span<const Id> TensorRebuilder::tuple(Id id, std::size_t least, std::size_t most) const {
  if (m_document.kind(id) != Kind::tuple) fail("the arguments of the rebuild function must be a tuple");
  const auto items = m_document.items(id);
  if (items.size() < least || items.size() > most) {
    fail(fmt::format("expected {} to {} arguments of the rebuild function, found {}", least, most, items.size()));
  }
  return items;
}

void TensorRebuilder::read_storages() {
  // The key of a storage, and in the legacy format that of a view of it.
  std::map<std::pair<std::string_view, std::string_view>, std::size_t> by_key;
  for (const auto persistent : m_document.persistents()) {
    const auto id = read_storage_id(m_document, persistent, m_where);
    const auto view = id.view ? id.view->key : std::string_view{};
    const auto [found, added] = by_key.emplace(std::pair{id.key, view}, m_storages.size());
    if (added) {
      m_storages.push_back({id, place(id), std::nullopt});
    } else if (m_storages[found->second].id != id) {
      fail(fmt::format("storage {} is described in two ways", escape_unprintable(id.key)));
    }
    m_by_persistent.emplace(persistent, found->second);
  }
}

Storage TensorRebuilder::place(const StorageId& id) const {
  auto storage = m_find(id);
  storage.location = id.location;
  if (id.view) {
    storage.begin += static_cast<std::uint64_t>(id.view->offset) * element_size(id);
    storage.bytes = static_cast<std::uint64_t>(id.view->count) * element_size(id);
  }
  return storage;
}

std::optional<Tensor> TensorRebuilder::read_tensor(const Global& callee, Id arguments, int depth) {
  if (depth > 3 || callee.known == nullptr) fail("the tensor wraps itself");
  switch (callee.known->role) {
    case Role::rebuild_tensor:
      return read_strided(tuple(arguments, 4, 4), false);
    case Role::rebuild_tensor_v2: {
      const auto parts = tuple(arguments, 6, 7);
      check_gradient(parts[4]);
      check_hooks(parts[5]);
      if (has_lazy_bits(parts, 6)) return std::nullopt;
      return read_strided(parts, false);
    }
    case Role::rebuild_tensor_v3: {
      const auto parts = tuple(arguments, 7, 8);
      check_gradient(parts[4]);
      check_hooks(parts[5]);
      if (has_lazy_bits(parts, 7)) return std::nullopt;
      return read_strided(parts, true);
    }
    case Role::rebuild_qtensor: {
      const auto parts = tuple(arguments, 7, 7);
      check_gradient(parts[5]);
      check_hooks(parts[6]);
      auto tensor = read_strided(parts, false);
      check_quantizer(parts[4], tensor);
      return tensor;
    }
    case Role::rebuild_parameter:
    case Role::rebuild_parameter_with_state:
      return read_parameter(tuple(arguments, 3, 4), depth);
    case Role::rebuild_from_type:
      return read_from_type(tuple(arguments, 4, 4), depth);
    case Role::rebuild_device_tensor:
      return read_device_tensor(tuple(arguments, 4, 4), depth);
    case Role::rebuild_numpy_tensor:
    case Role::rebuild_wrapper_subclass:
    case Role::rebuild_sparse_tensor:
    case Role::rebuild_nested_tensor:
    case Role::rebuild_meta_tensor:
      return std::nullopt;
    default:
      fail(fmt::format("expected a tensor rebuild function, found {}.{}", escape_unprintable(callee.module),
                       escape_unprintable(callee.name)));
  }
}

std::optional<Tensor> TensorRebuilder::read_parameter(std::span<const Id> arguments, int depth) {
  check_gradient(arguments[1]);
  check_hooks(arguments[2]);
  if (!is_tensor(m_document, arguments[0])) fail("expected a tensor in the parameter, found another value");
  const auto inner = arguments[0];
  auto tensor = read_tensor(m_document.global(m_document.callee(inner)), m_document.arguments(inner), depth + 1);
  if (tensor) tensor->parameter = true;
  return tensor;
}

/// (tensor on the CPU, element type, device, requires_grad), as XLA's and other devices without storages are saved.
std::optional<Tensor> TensorRebuilder::read_device_tensor(std::span<const Id> arguments, int depth) {
  if (!is_tensor(m_document, arguments[0])) fail("expected a tensor in the device tensor, found another value");
  const auto inner = arguments[0];
  auto tensor = read_tensor(m_document.global(m_document.callee(inner)), m_document.arguments(inner), depth + 1);
  const auto* const type =
      m_document.kind(arguments[1]) == Kind::global ? m_document.global(arguments[1]).known : nullptr;
  if (type == nullptr || type->role != Role::dtype)
    fail("expected an element type of the device tensor, found another value");
  // PyTorch converts it on the way where they differ: other bytes than those in the file.
  return tensor && tensor->dtype == *type->dtype ? tensor : std::nullopt;
}

std::optional<Tensor> TensorRebuilder::read_from_type(std::span<const Id> arguments, int depth) {
  const bool shaped = m_document.kind(arguments[0]) == Kind::global && m_document.kind(arguments[1]) == Kind::global;
  if (!shaped) fail("expected a rebuild function for the tensor subclass, found another value");
  const auto* const type = m_document.global(arguments[1]).known;
  if (type == nullptr || type->role != Role::tensor_class) fail("expected a tensor class, found another class");
  return read_tensor(m_document.global(arguments[0]), arguments[2], depth + 1);
}

void TensorRebuilder::check_gradient(Id id) const {
  if (m_document.kind(id) != Kind::boolean) fail("expected True or False for requires_grad, found another value");
}

// (torch.per_tensor_affine, scale, zero_point) or (torch.per_channel_affine, scales, zero_points, axis)
void TensorRebuilder::check_quantizer(Id id, const Tensor& tensor) const {
  const auto parts = tuple(id, 3, 4);
  if (parts.size() == 3) return;
  const auto axis = m_document.kind(parts[3]) == Kind::integer ? m_document.integer(parts[3]) : -1;
  if (axis < 0 || static_cast<std::size_t>(axis) >= tensor.shape.size())
    fail(fmt::format("expected a quantization axis of 0 to {}, found another", tensor.shape.size() - 1));
}

void TensorRebuilder::check_hooks(Id id) const {
  const bool empty = m_document.is_call(id, Role::ordered_dict) && m_document.items(id).empty();
  if (!empty && m_document.kind(id) != Kind::none) fail("the tensor carries backward hooks");
}

/// A conjugated or negated view keeps its bytes as they were: its values are not what the storage says.
bool TensorRebuilder::has_lazy_bits(std::span<const Id> arguments, std::size_t at) const {
  if (arguments.size() <= at || m_document.kind(arguments[at]) == Kind::none) return false;
  if (!m_document.is_mapping(arguments[at])) fail("the tensor's metadata must be a dict");
  return !m_document.items(arguments[at]).empty();
}

Tensor TensorRebuilder::read_strided(std::span<const Id> arguments, bool typed_by_argument) {
  if (m_document.kind(arguments[0]) != Kind::persistent) fail("expected a storage, found another value");
  auto& storage = m_storages[m_by_persistent.at(arguments[0])];
  if (m_document.kind(arguments[1]) != Kind::integer) fail("the offset must be an integer");
  Tensor tensor;
  tensor.offset = m_document.integer(arguments[1]);
  tensor.shape = sizes(arguments[2], "size");
  tensor.strides = sizes(arguments[3], "stride");
  if (tensor.shape.size() != tensor.strides.size()) fail("expected one stride for each size, found another number");
  if (typed_by_argument) {
    const auto* const type =
        m_document.kind(arguments[6]) == Kind::global ? m_document.global(arguments[6]).known : nullptr;
    if (type == nullptr || type->role != Role::dtype || storage.id.dtype)
      fail("expected an element type, found another value");
    tensor.dtype = *type->dtype;
  } else {
    if (!storage.id.dtype) fail("expected a storage with an element type, found an untyped one");
    tensor.dtype = *storage.id.dtype;
  }
  check_extent(tensor, storage);
  tensor.storage = use(storage);
  return tensor;
}

std::vector<std::int64_t> TensorRebuilder::sizes(Id id, std::string_view what) const {
  if (m_document.kind(id) != Kind::tuple) fail(fmt::format("the {}s must be a tuple", what));
  const auto items = m_document.items(id);
  if (items.size() > k_rank_limit)
    fail(fmt::format("expected at most {} dimensions, found {}", k_rank_limit, items.size()));
  std::vector<std::int64_t> result;
  result.reserve(items.size());
  for (const auto item : items) {
    if (m_document.kind(item) != Kind::integer || m_document.integer(item) < 0)
      fail(fmt::format("every {} must be an integer of 0 or more", what));
    result.push_back(m_document.integer(item));
  }
  return result;
}

void TensorRebuilder::check_extent(const Tensor& tensor, const StorageRow& storage) {
  const auto bytes = tensor_bytes(tensor, storage.place.bytes);
  if (!bytes) {
    fail(fmt::format("shape {}, strides {} and offset {} reach beyond the {} bytes of its storage",
                     format_shape(tensor.shape), format_shape(tensor.strides), tensor.offset, storage.place.bytes));
  }
  m_unfolded += *bytes;
  const auto file_size = m_checkpoint.files[storage.place.file]->size();
  if (m_unfolded > k_unfold_factor * file_size + k_unfold_allowance) {
    fail(fmt::format("the tensors up to here unfold to {} from a file of {}", format_bytes(m_unfolded),
                     format_bytes(file_size)));
  }
}

std::size_t TensorRebuilder::use(StorageRow& row) {
  if (!row.used_as) {
    row.used_as = m_checkpoint.storages.size();
    m_checkpoint.storages.push_back(row.place);
  }
  return *row.used_as;
}

}  // namespace goldseal::pickle
