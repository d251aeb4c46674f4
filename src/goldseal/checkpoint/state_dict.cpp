// SPDX-License-Identifier: Apache-2.0
// torch/_utils.py defines what the rebuild functions take; torch/serialization.py what a storage's persistent id holds.
#include <goldseal/checkpoint/state_dict.hpp>

#include <goldseal/base/checked.hpp>
#include <goldseal/base/error.hpp>
#include <goldseal/base/text.hpp>
#include <goldseal/checkpoint/entries.hpp>
#include <goldseal/checkpoint/storage_id.hpp>
#include <goldseal/checkpoint/tensor_view.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace goldseal::pickle {
namespace {

constexpr std::size_t k_rank_limit = 64;  // TensorImpl's, and numpy's
// Views may overlap, and an expanded one repeats its elements, but a file whose tensors unfold to far more than it
// holds is a bomb.
constexpr std::uint64_t k_unfold_factor = 64;
constexpr std::uint64_t k_unfold_allowance = 1ULL << 30;

/// A storage, where it is, and its number in the checkpoint once a tensor uses it.
struct StorageRow {
  StorageId id;
  Storage place;
  std::optional<std::size_t> used_as;
};

class StateDictReader {
 public:
  StateDictReader(const Document& document, const std::string& where, const FindStorage& find, Checkpoint& checkpoint)
      : m_document(document), m_where(where), m_find(find), m_checkpoint(checkpoint) {}

  void run(const OpenOptions& options) {
    read_storages();
    const auto entries = find_or_make_entries();
    const auto& chosen = choose_entry(entries, m_where, options);
    for (const auto& entry : entries) {
      m_checkpoint.entries.push_back(entry.candidate);
      if (&entry != &chosen) m_checkpoint.candidates.push_back(entry.candidate.entry);
    }
    if (chosen.candidate.entry != ".") m_checkpoint.entry = chosen.candidate.entry;
    read_entry(chosen.id);
    note_objects();
  }

  void run_module() {
    read_storages();
    read_module(m_document.root(), "", 0);
    report_left_out();
    m_checkpoint.entries.push_back({".", m_checkpoint.tensors.size(), true});
  }

  void run_tuple(const std::string& prefix) {
    read_storages();
    if (m_document.kind(m_document.root()) != Kind::tuple) return;
    const auto items = m_document.items(m_document.root());
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (is_tensor(m_document, items[i])) add_tensor(fmt::format("{}.{}", prefix, i), items[i]);
    }
    report_left_out();
  }

 private:
  std::vector<Entry> find_or_make_entries() const;
  void read_storages();
  Storage place(const StorageId& id) const;
  void read_entry(Id id);
  void read_items(Id id);
  void read_module(Id id, const std::string& path, int depth);
  void report_left_out();
  std::string name_of(Id key) const;
  void add_tensor(std::string name, Id id);
  std::optional<Tensor> read_tensor(const Global& callee, Id arguments, int depth);
  Tensor read_strided(std::span<const Id> arguments, bool typed_by_argument);
  std::optional<Tensor> read_parameter(std::span<const Id> arguments, int depth);
  std::optional<Tensor> read_from_type(std::span<const Id> arguments, int depth);
  void check_hooks(Id id) const;
  bool has_lazy_bits(std::span<const Id> arguments, std::size_t at) const;
  void check_extent(const Tensor& tensor, const StorageRow& storage);
  std::vector<std::int64_t> sizes(Id id, std::string_view what) const;
  std::size_t use(StorageRow& row);
  void note_objects();

  std::span<const Id> tuple(Id id, std::size_t least, std::size_t most) const {
    if (m_document.kind(id) != Kind::tuple) fail("a tensor is rebuilt from arguments that are no tuple");
    const auto items = m_document.items(id);
    if (items.size() < least || items.size() > most) {
      fail(fmt::format("a tensor is rebuilt from {} arguments, {} to {} expected", items.size(), least, most));
    }
    return items;
  }
  [[noreturn]] void fail(std::string message) const {
    const auto name = m_name.empty() ? std::string() : fmt::format("tensor '{}': ", escape_unprintable(m_name));
    throw Error(ErrorKind::malformed, m_where, name + std::move(message), "take the file from its source again");
  }

  const Document& m_document;
  const std::string& m_where;
  const FindStorage& m_find;
  Checkpoint& m_checkpoint;
  std::vector<StorageRow> m_storages;
  std::unordered_map<Id, std::size_t> m_by_persistent;
  std::string m_name;  // of the tensor that is being read
  std::unordered_set<std::string> m_names;
  std::vector<std::string> m_other_values;
  std::vector<std::string> m_unsupported;
  std::uint64_t m_unfolded = 0;
  std::size_t m_visited = 0;
};

/// A file that holds one tensor and nothing else, torch.save(tensor), is a state dict of one nameless place.
std::vector<Entry> StateDictReader::find_or_make_entries() const {
  if (is_tensor(m_document, m_document.root())) return {{{".", 1, true}, m_document.root()}};
  return find_entries(m_document);
}

void StateDictReader::read_storages() {
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

Storage StateDictReader::place(const StorageId& id) const {
  auto storage = m_find(id);
  storage.location = id.location;
  if (id.view) {
    storage.begin += static_cast<std::uint64_t>(id.view->offset) * element_size(id);
    storage.bytes = static_cast<std::uint64_t>(id.view->count) * element_size(id);
  }
  return storage;
}

void StateDictReader::read_entry(Id id) {
  if (is_tensor(m_document, id)) {
    add_tensor("tensor", id);
  } else {
    read_items(id);
  }
  report_left_out();
}

void StateDictReader::report_left_out() {
  constexpr std::size_t k_most = 8;
  const auto report = [&](std::string_view rule, std::string_view what, std::vector<std::string>& names) {
    if (names.empty()) return;
    const auto count = names.size();
    names.resize(std::min(count, k_most));
    m_checkpoint.notes.push_back({std::string(rule), fmt::format("{} {}: {}{}", count, what, fmt::join(names, ", "),
                                                                 count > k_most ? " …" : "")});
  };
  report("state-dict.other-values", "entries of the state dict are no tensors and are left out", m_other_values);
  report("state-dict.unsupported-tensors", "tensors are of a kind that goldseal does not read and are left out",
         m_unsupported);
}

void StateDictReader::read_items(Id id) {
  const auto items = m_document.items(id);
  const std::size_t step = m_document.is_mapping(id) ? 2 : 1;
  m_checkpoint.tensors.reserve(items.size() / step);
  for (std::size_t i = 0; i < items.size(); i += step) {
    auto name = step == 2 ? name_of(items[i]) : std::to_string(i);
    if (!m_names.insert(name).second) fail(fmt::format("the state dict names '{}' twice", escape_unprintable(name)));
    const auto value = items[i + step - 1];
    if (is_tensor(m_document, value)) {
      add_tensor(std::move(name), value);
    } else {
      m_other_values.push_back(escape_unprintable(name));
    }
  }
  if (const auto state = m_document.kind(id) == Kind::call ? m_document.state(id) : std::nullopt) {
    const bool metadata = m_document.kind(*state) == Kind::dict && m_document.items(*state).size() == 2 &&
                          m_document.kind(m_document.items(*state)[0]) == Kind::text &&
                          m_document.text(m_document.items(*state)[0]) == "_metadata";
    if (!metadata)
      m_checkpoint.notes.push_back({"pickle.extra-attribute", "the state dict carries attributes beside _metadata"});
  }
}

/// A module shared by two others is there under both paths, as in its state dict. A cycle or a tower of shared
/// modules ends at the limits.
void StateDictReader::read_module(Id id, const std::string& path, int depth) {
  constexpr int k_depth_limit = 64;
  constexpr std::size_t k_visit_limit = 1'000'000;
  const auto state = m_document.kind(id) == Kind::call ? m_document.state(id) : std::nullopt;
  if (!state || m_document.kind(*state) != Kind::dict) return;
  if (depth > k_depth_limit) fail("modules are nested deeper than in any network");
  const auto items = m_document.items(*state);
  for (std::size_t i = 0; i < items.size(); i += 2) {
    if (++m_visited > k_visit_limit) fail("more attributes than in any network");
    const auto name = name_of(items[i]);
    const auto full = path.empty() ? name : fmt::format("{}.{}", path, name);
    if (is_tensor(m_document, items[i + 1])) {
      if (!m_names.insert(full).second) fail(fmt::format("the module names '{}' twice", escape_unprintable(full)));
      add_tensor(full, items[i + 1]);
    } else {
      read_module(items[i + 1], full, depth + 1);
    }
  }
}

std::string StateDictReader::name_of(Id key) const {
  if (m_document.kind(key) == Kind::integer) return std::to_string(m_document.integer(key));
  if (m_document.kind(key) != Kind::text) fail("a key of the state dict is neither text nor a number");
  const auto text = m_document.text(key);
  if (!is_utf8(text)) {
    throw Error(m_document.has_python2_text() ? ErrorKind::unsupported : ErrorKind::malformed, m_where,
                fmt::format("the key '{}' is not UTF-8", escape_unprintable(text)),
                m_document.has_python2_text()
                    ? "a Python 2 wrote it: torch.save(torch.load(FILE, encoding='latin1', weights_only=False), OUT)"
                    : "take the file from its source again");
  }
  return std::string(text);
}

void StateDictReader::add_tensor(std::string name, Id id) {
  m_name = std::move(name);
  auto tensor = read_tensor(m_document.global(m_document.callee(id)), m_document.arguments(id), 0);
  if (!tensor) {
    m_unsupported.push_back(escape_unprintable(m_name));
    return;
  }
  tensor->name = std::move(m_name);
  m_name.clear();
  m_checkpoint.tensors.push_back(std::move(*tensor));
}

/// Nothing for a kind of tensor that is no strided view of a storage.
std::optional<Tensor> StateDictReader::read_tensor(const Global& callee, Id arguments, int depth) {
  if (depth > 3 || callee.known == nullptr) fail("a tensor is wrapped in itself");
  switch (callee.known->role) {
    case Role::rebuild_tensor:
      return read_strided(tuple(arguments, 4, 4), false);
    case Role::rebuild_tensor_v2: {
      const auto parts = tuple(arguments, 6, 7);
      check_hooks(parts[5]);
      if (has_lazy_bits(parts, 6)) return std::nullopt;
      return read_strided(parts, false);
    }
    case Role::rebuild_tensor_v3: {
      const auto parts = tuple(arguments, 7, 8);
      check_hooks(parts[5]);
      if (has_lazy_bits(parts, 7)) return std::nullopt;
      return read_strided(parts, true);
    }
    case Role::rebuild_qtensor: {
      const auto parts = tuple(arguments, 7, 7);
      check_hooks(parts[6]);
      return read_strided(parts, false);
    }
    case Role::rebuild_parameter:
    case Role::rebuild_parameter_with_state:
      return read_parameter(tuple(arguments, 3, 4), depth);
    case Role::rebuild_from_type:
      return read_from_type(tuple(arguments, 4, 4), depth);
    case Role::rebuild_sparse_tensor:
    case Role::rebuild_nested_tensor:
    case Role::rebuild_meta_tensor:
      return std::nullopt;
    default:
      fail("a tensor is rebuilt by something that rebuilds none");
  }
}

std::optional<Tensor> StateDictReader::read_parameter(std::span<const Id> arguments, int depth) {
  check_hooks(arguments[2]);
  if (!is_tensor(m_document, arguments[0])) fail("a parameter that holds no tensor");
  const auto inner = arguments[0];
  auto tensor = read_tensor(m_document.global(m_document.callee(inner)), m_document.arguments(inner), depth + 1);
  if (tensor) tensor->parameter = true;
  return tensor;
}

std::optional<Tensor> StateDictReader::read_from_type(std::span<const Id> arguments, int depth) {
  const bool shaped = m_document.kind(arguments[0]) == Kind::global && m_document.kind(arguments[1]) == Kind::global;
  if (!shaped) fail("a tensor subclass is rebuilt by something that is no function");
  const auto* const type = m_document.global(arguments[1]).known;
  if (type == nullptr || type->role != Role::tensor_class) fail("a tensor is rebuilt as a class that is none");
  return read_tensor(m_document.global(arguments[0]), arguments[2], depth + 1);
}

void StateDictReader::check_hooks(Id id) const {
  const bool empty = m_document.is_call(id, Role::ordered_dict) && m_document.items(id).empty();
  if (!empty && m_document.kind(id) != Kind::none) fail("a tensor carries backward hooks");
}

/// A conjugated or negated view keeps its bytes as they were: its values are not what the storage says.
bool StateDictReader::has_lazy_bits(std::span<const Id> arguments, std::size_t at) const {
  if (arguments.size() <= at || m_document.kind(arguments[at]) == Kind::none) return false;
  if (!m_document.is_mapping(arguments[at])) fail("a tensor's metadata is no dict");
  return !m_document.items(arguments[at]).empty();
}

Tensor StateDictReader::read_strided(std::span<const Id> arguments, bool typed_by_argument) {
  if (m_document.kind(arguments[0]) != Kind::persistent) fail("a tensor without a storage");
  auto& storage = m_storages[m_by_persistent.at(arguments[0])];
  if (m_document.kind(arguments[1]) != Kind::integer) fail("a tensor whose offset is no number");
  Tensor tensor;
  tensor.offset = m_document.integer(arguments[1]);
  tensor.shape = sizes(arguments[2], "size");
  tensor.strides = sizes(arguments[3], "stride");
  if (tensor.shape.size() != tensor.strides.size()) fail("a tensor with more sizes than strides");
  if (typed_by_argument) {
    const auto* const type =
        m_document.kind(arguments[6]) == Kind::global ? m_document.global(arguments[6]).known : nullptr;
    if (type == nullptr || type->role != Role::dtype || storage.id.dtype) fail("a tensor whose element type is none");
    tensor.dtype = *type->dtype;
  } else {
    if (!storage.id.dtype) fail("a tensor without an element type");
    tensor.dtype = *storage.id.dtype;
  }
  check_extent(tensor, storage);
  tensor.storage = use(storage);
  return tensor;
}

std::vector<std::int64_t> StateDictReader::sizes(Id id, std::string_view what) const {
  if (m_document.kind(id) != Kind::tuple) fail(fmt::format("a tensor whose {} is no tuple", what));
  const auto items = m_document.items(id);
  if (items.size() > k_rank_limit) fail(fmt::format("a tensor of {} dimensions", items.size()));
  std::vector<std::int64_t> result;
  result.reserve(items.size());
  for (const auto item : items) {
    if (m_document.kind(item) != Kind::integer || m_document.integer(item) < 0)
      fail(fmt::format("a tensor with a bad {}", what));
    result.push_back(m_document.integer(item));
  }
  return result;
}

void StateDictReader::check_extent(const Tensor& tensor, const StorageRow& storage) {
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

std::size_t StateDictReader::use(StorageRow& row) {
  if (!row.used_as) {
    row.used_as = m_checkpoint.storages.size();
    m_checkpoint.storages.push_back(row.place);
  }
  return *row.used_as;
}

void StateDictReader::note_objects() {
  if (m_document.has_python2_text()) {
    m_checkpoint.notes.push_back({"pickle.python2",
                                  "a Python 2 wrote texts into the file that are not ASCII: where torch.load says "
                                  "UnicodeDecodeError: 'ascii' codec, give it encoding='latin1'"});
  }
  std::set<std::string> names;
  for (const auto& global : m_document.globals()) {
    if (global.known != nullptr && !global.known->weights_only)
      names.insert(fmt::format("{}.{}", global.module, global.name));
  }
  if (names.empty()) return;
  auto message =
      fmt::format("beside tensors the file holds {}: torch.load needs weights_only=False for it since torch 2.6",
                  fmt::join(names, ", "));
  const auto holds = [&](std::string_view part) {
    return std::ranges::any_of(names, [&](const std::string& name) { return name.starts_with(part); });
  };
  if (holds("pathlib.")) message += "; a pathlib path does not load on the other kind of system: save paths as str";
  if (holds("numpy._core.")) message += "; numpy._core needs numpy 2 or newer where it is loaded";
  m_checkpoint.notes.push_back({"pickle.objects", std::move(message)});
}

}  // namespace

void read_state_dict(const Document& document, const std::string& where, const FindStorage& find,
                     const OpenOptions& options, Checkpoint& checkpoint) {
  StateDictReader(document, where, find, checkpoint).run(options);
}

void read_module_state(const Document& document, const std::string& where, const FindStorage& find,
                       Checkpoint& checkpoint) {
  StateDictReader(document, where, find, checkpoint).run_module();
}

void read_tensor_tuple(const Document& document, const std::string& where, const FindStorage& find,
                       const std::string& prefix, Checkpoint& checkpoint) {
  StateDictReader(document, where, find, checkpoint).run_tuple(prefix);
}

}  // namespace goldseal::pickle
