// SPDX-License-Identifier: Apache-2.0
#include "protocol/mapped_tensors.hpp"

#include "darknet/files.hpp"
#include "protocol/error.hpp"
#include "protocol/fields.hpp"
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

struct Assignment {
  std::string state_entry;
  std::uint64_t file;
  std::uint64_t begin;
  std::uint64_t bytes;
  at::ScalarType dtype;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;
  std::uint64_t offset;
};

Assignment read_placement(const nlohmann::json& entry) {
  const auto dtype_name = text_field(entry, "dtype");
  const auto dtype = dtype_of_name(dtype_name);
  if (!dtype) throw Refusal(RefusalKind::unsupported, "dtype `" + dtype_name + "` is not known");
  return {text_field(entry, "state_entry"),
          natural_field(entry, "file"),
          natural_field(entry, "begin"),
          natural_field(entry, "bytes"),
          *dtype,
          sizes_field(entry, "shape"),
          sizes_field(entry, "strides"),
          natural_field(entry, "offset")};
}

bool is_empty(const Assignment& assignment) {
  return std::find(assignment.shape.begin(), assignment.shape.end(), 0) != assignment.shape.end();
}

// Elements from the storage's begin to the end of the tensor's last one, or nothing if 64 bits do not hold the number.
std::optional<std::uint64_t> extent(const Assignment& assignment) {
  if (is_empty(assignment)) return assignment.offset;
  auto last = assignment.offset;
  for (std::size_t i = 0; i < assignment.shape.size(); ++i) {
    std::uint64_t step = 0;
    const auto steps = static_cast<std::uint64_t>(assignment.shape[i] - 1);
    if (!multiply_fits(steps, static_cast<std::uint64_t>(assignment.strides[i]), step) || !add_fits(last, step, last))
      return std::nullopt;
  }
  return add_fits(last, 1, last) ? std::optional(last) : std::nullopt;
}

void check_placement(const Assignment& assignment, const MappedFile& file) {
  const auto where = file.path() + ", tensor " + assignment.state_entry;
  if (assignment.shape.size() != assignment.strides.size() || assignment.shape.size() > k_max_dimensions)
    throw Refusal(RefusalKind::usage, "a tensor has one stride for each of at most 64 dimensions", where);
  std::uint64_t end = 0;
  if (!add_fits(assignment.begin, assignment.bytes, end) || end > file.bytes().size())
    throw Refusal(RefusalKind::malformed,
                  "the storage ends at byte " + std::to_string(assignment.begin) + "+" +
                      std::to_string(assignment.bytes) + ", the file at " + std::to_string(file.bytes().size()),
                  where, "fetch the file again: it is cut short, or another one than goldseal read");
  const auto elements = extent(assignment);
  std::uint64_t needed = 0;
  if (!elements || !multiply_fits(*elements, c10::elementSize(assignment.dtype), needed) || needed > assignment.bytes)
    throw Refusal(RefusalKind::malformed,
                  "the tensor reaches beyond its storage of " + std::to_string(assignment.bytes) + " bytes", where);
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
  const c10::Storage& get(const std::shared_ptr<MappedFile>& file, const Assignment& assignment) {
    const auto align = c10::elementSize(assignment.dtype);
    const auto key = std::make_tuple(assignment.file, assignment.begin, assignment.bytes, align);
    auto found = m_storages.find(key);
    if (found == m_storages.end())
      found = m_storages.emplace(key, map_storage(file, assignment.begin, assignment.bytes, align)).first;
    return found->second;
  }

 private:
  std::map<std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, std::size_t>, c10::Storage> m_storages;
};

at::Tensor place(const Assignment& assignment, const c10::Storage& storage) {
  auto tensor = at::empty({0}, at::TensorOptions().dtype(assignment.dtype));
  return tensor.set_(storage, static_cast<std::int64_t>(assignment.offset), assignment.shape, assignment.strides);
}

void check_slot(const StateEntry& state_entry, const at::Tensor& tensor) {
  if (tensor.scalar_type() != state_entry.dtype || tensor.sizes() != at::IntArrayRef(state_entry.shape))
    throw Refusal(RefusalKind::usage, "state entry " + state_entry.name + " takes " + name_of_dtype(state_entry.dtype) +
                                          " " + text_of_shape(state_entry.shape) + "; given " +
                                          name_of_dtype(tensor.scalar_type()) + " " + text_of_shape(tensor.sizes()));
}

std::string count_and_first(std::size_t count, const std::string& first) {
  return std::to_string(count) + (count == 1 ? " state entry: " : " state entries, first ") + first;
}

// For each state entry the tensor that goes there, or null.
std::vector<const at::Tensor*> tensors_by_slot(const std::vector<StateEntry>& state_entries,
                                               const NamedTensors& tensors) {
  std::unordered_map<std::string, std::size_t> index_of;
  for (std::size_t i = 0; i < state_entries.size(); ++i) index_of.emplace(state_entries[i].name, i);
  std::vector<const at::Tensor*> by_slot(state_entries.size(), nullptr);
  for (const auto& [name, tensor] : tensors) {
    const auto found = index_of.find(name);
    if (found == index_of.end()) throw Refusal(RefusalKind::usage, "the network has no state entry " + name);
    if (by_slot[found->second]) throw Refusal(RefusalKind::usage, "state entry " + name + " is given twice");
    check_slot(state_entries[found->second], tensor);
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
    const auto assignment = read_placement(entry);
    if (assignment.file >= files.size())
      throw Refusal(RefusalKind::usage, "state entry " + assignment.state_entry + " is in file " +
                                            std::to_string(assignment.file) + " of " + std::to_string(files.size()));
    const auto& file = files[assignment.file];
    check_placement(assignment, *file);
    tensors.emplace_back(assignment.state_entry, place(assignment, storages.get(file, assignment)));
  }
  return tensors;
}

namespace {

// What nothing is loaded into has a value from the network itself, or none.
void require_own_value(const Network& network, std::size_t index) {
  const auto tensor = network.get(index);
  if (tensor.defined() && !tensor.is_meta()) return;
  throw Refusal(RefusalKind::unsupported,
                "state entry " + network.state_entries()[index].name + " is not loaded, and the network gives it no value",
                {}, "give it in the checkpoint, or build the network with --runtime python");
}

}  // namespace

void fill_slots(Network& network, const NamedTensors& tensors, const std::set<std::string>& kept) {
  const auto& state_entries = network.state_entries();
  if (state_entries.empty() && !tensors.empty())
    throw Refusal(RefusalKind::unsupported,
                  "the network takes no tensors: it has no weights, or they were frozen into constants of its code", {},
                  "export the module without torch.jit.freeze, or give no checkpoint beside the archive");
  const auto by_slot = tensors_by_slot(state_entries, tensors);

  std::size_t missing = 0;
  std::string first;
  for (std::size_t i = 0; i < state_entries.size(); ++i) {
    if (by_slot[i] || !state_entries[i].persistent) continue;
    if (kept.count(state_entries[i].name) != 0)
      require_own_value(network, i);
    else if (missing++ == 0)
      first = state_entries[i].name;
  }
  if (missing != 0) throw Refusal(RefusalKind::usage, "no tensor is given for " + count_and_first(missing, first));

  put(network, by_slot);
}

void fill_constants(Network& network, const NamedTensors& tensors) {
  const auto& state_entries = network.state_entries();
  const auto by_slot = tensors_by_slot(state_entries, tensors);
  for (std::size_t i = 0; i < state_entries.size(); ++i)
    if (by_slot[i] && state_entries[i].persistent)
      throw Refusal(RefusalKind::usage,
                    "state entry " + state_entries[i].name + " is not a constant: a state dict holds it");
  put(network, by_slot);
}

}  // namespace goldseal::worker
