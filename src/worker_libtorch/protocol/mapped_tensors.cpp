// SPDX-License-Identifier: Apache-2.0
#include "protocol/mapped_tensors.hpp"

#include "protocol/error.hpp"
#include "protocol/fields.hpp"
#include "darknet/files.hpp"
#include "protocol/paths.hpp"

#include <ATen/Functions.h>
#include <c10/core/Storage.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <tuple>
#include <unordered_map>

namespace goldseal::worker {
namespace {

constexpr std::size_t k_max_dimensions = 64;

// What lives as long as a storage does: the mapping, or the aligned copy.
struct StorageOwner {
  std::shared_ptr<MappedFile> file;
  std::unique_ptr<std::byte[]> copy;
};

c10::Storage make_storage(std::byte* data, std::size_t bytes, std::unique_ptr<StorageOwner> owner) {
  at::DataPtr pointer(
      data, owner.release(), [](void* held) { delete static_cast<StorageOwner*>(held); }, at::kCPU);
  return {c10::Storage::use_byte_size_t(), bytes, std::move(pointer), /*allocator=*/nullptr, /*resizable=*/false};
}

c10::Storage map_storage(const std::shared_ptr<MappedFile>& file, std::uint64_t begin, std::uint64_t bytes,
                         std::size_t align) {
  auto owner = std::make_unique<StorageOwner>();
  auto* data = file->bytes().data() + begin;
  if (reinterpret_cast<std::uintptr_t>(data) % align != 0) {
    owner->copy = std::make_unique_for_overwrite<std::byte[]>(bytes);
    std::memcpy(owner->copy.get(), data, bytes);
    data = owner->copy.get();
  } else {
    owner->file = file;
  }
  return make_storage(data, bytes, std::move(owner));
}

struct Placement {
  std::string slot;
  std::uint64_t file;
  std::uint64_t begin;
  std::uint64_t bytes;
  at::ScalarType dtype;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;
  std::uint64_t offset;
};

Placement read_placement(const nlohmann::json& entry) {
  const auto dtype_name = text_field(entry, "dtype");
  const auto dtype = dtype_of_name(dtype_name);
  if (!dtype) throw Refusal(RefusalKind::unsupported, "dtype `" + dtype_name + "` is not known");
  return {text_field(entry, "slot"),
          natural_field(entry, "file"),
          natural_field(entry, "begin"),
          natural_field(entry, "bytes"),
          *dtype,
          sizes_field(entry, "shape"),
          sizes_field(entry, "strides"),
          natural_field(entry, "offset")};
}

bool is_empty(const Placement& placement) {
  return std::find(placement.shape.begin(), placement.shape.end(), 0) != placement.shape.end();
}

// Elements from the storage's begin to the end of the tensor's last one, or nothing if 64 bits do not hold the number.
std::optional<std::uint64_t> extent(const Placement& placement) {
  if (is_empty(placement)) return placement.offset;
  auto last = placement.offset;
  for (std::size_t i = 0; i < placement.shape.size(); ++i) {
    std::uint64_t step = 0;
    const auto steps = static_cast<std::uint64_t>(placement.shape[i] - 1);
    if (!multiply_fits(steps, static_cast<std::uint64_t>(placement.strides[i]), step) || !add_fits(last, step, last))
      return std::nullopt;
  }
  return add_fits(last, 1, last) ? std::optional(last) : std::nullopt;
}

void check_placement(const Placement& placement, const MappedFile& file) {
  const auto where = file.path() + ", tensor " + placement.slot;
  if (placement.shape.size() != placement.strides.size() || placement.shape.size() > k_max_dimensions)
    throw Refusal(RefusalKind::usage, "a tensor has one stride for each of at most 64 dimensions", where);
  std::uint64_t end = 0;
  if (!add_fits(placement.begin, placement.bytes, end) || end > file.bytes().size())
    throw Refusal(RefusalKind::malformed,
                  "the storage ends at byte " + std::to_string(placement.begin) + "+" +
                      std::to_string(placement.bytes) + ", the file at " + std::to_string(file.bytes().size()),
                  where, "fetch the file again: it is cut short, or another one than goldseal read");
  const auto elements = extent(placement);
  std::uint64_t needed = 0;
  if (!elements || !multiply_fits(*elements, c10::elementSize(placement.dtype), needed) || needed > placement.bytes)
    throw Refusal(RefusalKind::malformed,
                  "the tensor reaches beyond its storage of " + std::to_string(placement.bytes) + " bytes", where);
}

std::vector<std::shared_ptr<MappedFile>> map_files(const nlohmann::json& names, const std::string& directory) {
  std::vector<std::shared_ptr<MappedFile>> files;
  for (const auto& name : names) {
    if (!name.is_string()) throw Refusal(RefusalKind::usage, "`files` is a list of strings");
    files.push_back(std::make_shared<MappedFile>(resolved(name.get<std::string>(), directory)));
  }
  return files;
}

// Tied tensors share a storage. The alignment is part of the key, for it decides whether the storage is a copy.
class StorageCache {
 public:
  const c10::Storage& get(const std::shared_ptr<MappedFile>& file, const Placement& placement) {
    const auto align = c10::elementSize(placement.dtype);
    const auto key = std::make_tuple(placement.file, placement.begin, placement.bytes, align);
    auto found = m_storages.find(key);
    if (found == m_storages.end())
      found = m_storages.emplace(key, map_storage(file, placement.begin, placement.bytes, align)).first;
    return found->second;
  }

 private:
  std::map<std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, std::size_t>, c10::Storage> m_storages;
};

at::Tensor place(const Placement& placement, const c10::Storage& storage) {
  auto tensor = at::empty({0}, at::TensorOptions().dtype(placement.dtype));
  return tensor.set_(storage, static_cast<std::int64_t>(placement.offset), placement.shape, placement.strides);
}

void check_slot(const Slot& slot, const at::Tensor& tensor) {
  if (tensor.scalar_type() != slot.dtype || tensor.sizes() != at::IntArrayRef(slot.shape))
    throw Refusal(RefusalKind::usage, "slot " + slot.name + " takes " + name_of_dtype(slot.dtype) + " " +
                                          text_of_shape(slot.shape) + "; given " + name_of_dtype(tensor.scalar_type()) +
                                          " " + text_of_shape(tensor.sizes()));
}

std::string count_and_first(std::size_t count, const std::string& first) {
  return std::to_string(count) + (count == 1 ? " slot: " : " slots, first ") + first;
}

// For each slot the tensor that goes there, or null.
std::vector<const at::Tensor*> tensors_by_slot(const std::vector<Slot>& slots, const NamedTensors& tensors) {
  std::unordered_map<std::string, std::size_t> index_of;
  for (std::size_t i = 0; i < slots.size(); ++i) index_of.emplace(slots[i].name, i);
  std::vector<const at::Tensor*> by_slot(slots.size(), nullptr);
  for (const auto& [name, tensor] : tensors) {
    const auto found = index_of.find(name);
    if (found == index_of.end()) throw Refusal(RefusalKind::usage, "the network has no slot " + name);
    if (by_slot[found->second]) throw Refusal(RefusalKind::usage, "slot " + name + " is given twice");
    check_slot(slots[found->second], tensor);
    by_slot[found->second] = &tensor;
  }
  return by_slot;
}

void put(Network& network, const std::vector<const at::Tensor*>& by_slot) {
  for (std::size_t i = 0; i < by_slot.size(); ++i)
    if (by_slot[i]) network.set(i, *by_slot[i]);
}

}  // namespace

NamedTensors map_tensors(const nlohmann::json& document, const std::string& directory) {
  const auto files = map_files(list_field(document, "files"), directory);
  StorageCache storages;
  NamedTensors tensors;
  for (const auto& entry : list_field(document, "tensors")) {
    const auto placement = read_placement(entry);
    if (placement.file >= files.size())
      throw Refusal(RefusalKind::usage, "slot " + placement.slot + " is in file " + std::to_string(placement.file) +
                                            " of " + std::to_string(files.size()));
    const auto& file = files[placement.file];
    check_placement(placement, *file);
    tensors.emplace_back(placement.slot, place(placement, storages.get(file, placement)));
  }
  return tensors;
}

void fill_slots(Network& network, const NamedTensors& tensors) {
  const auto& slots = network.slots();
  if (slots.empty() && !tensors.empty())
    throw Refusal(RefusalKind::unsupported,
                  "the network takes no tensors: it has no weights, or they were frozen into constants of its code", {},
                  "export the module without torch.jit.freeze, or give no checkpoint beside the archive");
  const auto by_slot = tensors_by_slot(slots, tensors);

  std::size_t missing = 0;
  std::string first;
  for (std::size_t i = 0; i < slots.size(); ++i)
    if (!by_slot[i] && slots[i].persistent && missing++ == 0) first = slots[i].name;
  if (missing != 0) throw Refusal(RefusalKind::usage, "no tensor is given for " + count_and_first(missing, first));

  put(network, by_slot);
}

void fill_constants(Network& network, const NamedTensors& tensors) {
  const auto& slots = network.slots();
  const auto by_slot = tensors_by_slot(slots, tensors);
  for (std::size_t i = 0; i < slots.size(); ++i)
    if (by_slot[i] && slots[i].persistent)
      throw Refusal(RefusalKind::usage, "slot " + slots[i].name + " is no constant: a state dict holds it");
  put(network, by_slot);
}

}  // namespace goldseal::worker
