// SPDX-License-Identifier: Apache-2.0
// What torch.distributed.checkpoint writes (torch/distributed/checkpoint/metadata.py, filesystem.py): a directory of
//
//   .metadata        a pickle of protocol 4: Metadata{state_dict_metadata: {FQN: TensorStorageMetadata{properties,
//                    size, chunks} or BytesStorageMetadata}, planner_data: {FQN: path in the saved object},
//                    storage_data: {MetadataIndex{fqn, …}: _StorageInfo{relative_path, offset, length}}}
//   __R_N.distcp     torch.save files one after the other, each of one chunk of a tensor, or of another value
//
// A tensor in one chunk is a view of the file like any other. One in several (offsets and sizes of each in the
// metadata) is a table of them; ranks that hold none of it have chunks of no elements.
#include <goldseal/base/bytes/checked.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/formats/distcp_metadata.hpp>
#include <goldseal/checkpoint/formats/nested_archive.hpp>
#include <goldseal/checkpoint/formats/readers.hpp>
#include <goldseal/checkpoint/state_dict/extra_state.hpp>
#include <goldseal/checkpoint/state_dict/open_options.hpp>
#include <goldseal/checkpoint/state_dict/state_dict_search.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>
#include <goldseal/checkpoint/tensors/chunks.hpp>
#include <goldseal/checkpoint/tensors/tensor_view.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace goldseal {
namespace {

using distcp::Box;
using distcp::Sizes;
using distcp::Step;
using pickle::Id;

constexpr std::size_t k_file_limit = 100'000;
// As of one file: see tensor_rebuilder.cpp.
constexpr std::uint64_t k_unfold_factor = 64;
constexpr std::uint64_t k_unfold_allowance = 1ULL << 30;

std::string joined(std::span<const Step> steps) {
  std::string name;
  for (const auto& step : steps) name += (name.empty() ? "" : ".") + step.name;
  return name;
}

void shift_tensors(PlainValue& value, std::size_t by) {
  if (value.kind == PlainValue::Kind::tensor) value.tensor += by;
  for (auto& item : value.items) shift_tensors(item, by);
}

/// The value at the end of the way, in lists and dicts that are made where they are not there yet. Nothing where one way
/// leads through what is a leaf, or a list of another kind of step.
PlainValue* value_at(PlainValue& root, std::span<const Step> way) {
  constexpr std::size_t k_longest_list = 1'000'000;
  auto* value = &root;
  for (const auto& step : way) {
    const auto kind = step.index ? PlainValue::Kind::list : PlainValue::Kind::dict;
    if (value->kind == PlainValue::Kind::none) value->kind = kind;
    if (value->kind != kind) return nullptr;
    auto& items = value->items;
    if (step.index) {
      const auto place = step.name.size() > 7 ? k_longest_list : std::stoul(step.name);
      if (place >= k_longest_list) return nullptr;
      if (items.size() <= place) items.resize(place + 1);
      value = &items[place];
      continue;
    }
    std::size_t at = 0;
    while (at < items.size() && items[at].text != step.name) at += 2;
    if (at >= items.size()) {
      items.push_back({.kind = PlainValue::Kind::text, .text = step.name});
      items.emplace_back();
    }
    value = &items[at + 1];
  }
  return value;
}

class DistcpReader {
 public:
  DistcpReader(std::shared_ptr<const MappedFile> metadata, const OpenOptions& options)
      : m_options(options),
        m_file(std::move(metadata)),
        m_path(m_file->path().string()),
        m_metadata(*m_file) {}

  Checkpoint run() {
    choose();
    for (const auto& [name, tensor] : m_chosen) add(name, tensor);
    add_extra_states();
    m_checkpoint.container = Container::Kind::distcp;
    m_checkpoint.files.push_back(m_file);
    return std::move(m_checkpoint);
  }

 private:
  /// Tensors by the first part of their path: each is a state dict of its own, as in a file of torch.save.
  void choose() {
    std::map<std::string, std::vector<std::pair<std::string, Id>>> groups;
    std::vector<std::string> order;
    for (const auto& [name, described] : m_metadata.described()) {
      if (!m_metadata.is_tensor(described) || m_metadata.lies_in_extra_state(name)) continue;
      const auto group = m_metadata.group_of(name);
      if (!groups.contains(group)) order.push_back(group);
      groups[group].emplace_back(name, described);
    }
    std::vector<pickle::Entry> entries;
    for (const auto& group : order)
      entries.push_back({.candidate = {group, groups[group].size(), !pickle::is_bookkeeping(group)}});
    const auto chosen = pickle::choose_entry(entries, m_path, m_options).candidate.entry;
    for (const auto& entry : entries) {
      m_checkpoint.entries.push_back(entry.candidate);
      if (entry.candidate.entry != chosen) m_checkpoint.candidates.push_back(entry.candidate.entry);
    }
    m_checkpoint.entry = chosen == "." ? "" : chosen;
    m_chosen = std::move(groups[chosen]);
  }

  /// What is no tensor, of the chosen state dict: each is a file of torch.save by itself. Dicts were taken apart, and are
  /// put together as lists and dicts again; what was a tuple with tensors in it is a list then.
  void add_extra_states() {
    for (const auto& [fqn, described] : m_metadata.described()) {
      const bool chosen = m_metadata.group_of(fqn) == (m_checkpoint.entry.empty() ? "." : m_checkpoint.entry);
      if (!chosen) continue;
      if (m_metadata.lies_in_extra_state(fqn)) {
        add_part(fqn, described);
      } else if (!m_metadata.is_tensor(described) && pickle::is_extra_state(fqn)) {
        m_checkpoint.extra_states.push_back(read_value(fqn, name_of(fqn)));
      }
    }
    for (auto& state : m_checkpoint.extra_states) {
      if (state.what.empty() && state.value.kind == PlainValue::Kind::dict)
        state.what = fmt::format("a dict of {} entries", state.value.items.size() / 2);
    }
  }

  ExtraState read_value(const std::string& fqn, const std::string& name) {
    const auto& place = m_metadata.place_of(fqn, {});
    const auto file = open(place.file);
    const auto where = m_checkpoint.files[file]->path().string();
    auto part = read_nested_extra_state({m_checkpoint.files[file]}, {0, place.begin, place.bytes, where}, name);
    auto& state = part.extra_states.at(0);
    for (auto& tensor : state.tensors) tensor.storage += m_checkpoint.storages.size();
    for (auto& storage : part.storages) {
      storage.file = file;
      m_checkpoint.storages.push_back(std::move(storage));
    }
    return std::move(state);
  }

  void add_part(const std::string& fqn, Id described) {
    const auto path = m_metadata.path_of(fqn);
    const auto at = distcp::extra_state_in(path);
    const auto name = joined(path.subspan(m_checkpoint.entry.empty() ? 0 : 1, at + (m_checkpoint.entry.empty() ? 1 : 0)));
    auto& states = m_checkpoint.extra_states;
    auto state = std::ranges::find(states, name, &ExtraState::name);
    if (state == states.end()) state = states.insert(states.end(), ExtraState{.name = name});
    ExtraState part;
    if (m_metadata.is_tensor(described)) {
      part.value.kind = PlainValue::Kind::tensor;
      part.tensors.push_back(read_tensor(fqn, described));
    } else {
      part = read_value(fqn, name);
    }
    auto* const value = value_at(state->value, path.subspan(at + 1));
    if (value == nullptr) fail(fmt::format("the parts of '{}' do not fit each other", escape_unprintable(name)));
    shift_tensors(part.value, state->tensors.size());
    *value = std::move(part.value);
    for (auto& tensor : part.tensors) state->tensors.push_back(std::move(tensor));
    if (state->unreadable.empty()) state->unreadable = std::move(part.unreadable);
  }

  void add(const std::string& fqn, Id described) { m_checkpoint.tensors.push_back(read_tensor(fqn, described)); }

  Tensor read_tensor(const std::string& fqn, Id described) {
    const auto shape = m_metadata.shape(described);
    const auto boxes = m_metadata.boxes(fqn, shape, described);
    auto tensor = read_chunk(fqn, boxes.front());
    tensor.name = name_of(fqn);
    if (boxes.size() > 1) {
      put_together(fqn, tensor, shape, boxes);
    } else if (tensor.shape != shape) {
      fail(fmt::format("'{}' has the shape {} in its only piece, and {} in the metadata", escape_unprintable(fqn),
                       format_shape(tensor.shape), format_shape(shape)));
    }
    return tensor;
  }

  void put_together(const std::string& fqn, Tensor& tensor, const Sizes& shape, const std::vector<Box>& boxes) {
    const auto numel = checked_numel(shape);
    if (!numel || !checked_multiply(*numel, static_cast<std::int64_t>(item_size(tensor.dtype))))
      fail(fmt::format("'{}' is larger than any memory", escape_unprintable(fqn)));
    if (tensor.dtype == DType::quint4x2 || tensor.dtype == DType::quint2x4) {
      throw Error(ErrorKind::unsupported, m_path,
                  fmt::format("'{}' is in pieces, and packs several elements into a byte", escape_unprintable(fqn)),
                  "gather it before it is saved");
    }
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      auto part = i == 0 ? tensor : read_chunk(fqn, boxes[i]);
      if (part.dtype != tensor.dtype) {
        fail(fmt::format("'{}' has pieces of {} and {}", escape_unprintable(fqn), to_string(tensor.dtype),
                         to_string(part.dtype)));
      }
      tensor.chunks.push_back({boxes[i].at, boxes[i].shape, std::move(part.strides), part.offset, part.storage});
    }
    tensor.shape = shape;
    tensor.strides = contiguous_strides(shape);
    tensor.offset = 0;
    require_tiling(m_checkpoint, tensor, m_path);
  }

  /// Each chunk keeps to the limit by itself (tensor_rebuilder.cpp); a hundred thousand of them must together, too.
  void limit_unfolding(const Tensor& tensor) {
    m_unfolded += tensor_bytes(tensor);
    if (m_unfolded <= k_unfold_factor * m_file_bytes + k_unfold_allowance) return;
    fail(fmt::format("the tensors up to here unfold to {} from files of {}", format_bytes(m_unfolded),
                     format_bytes(m_file_bytes)));
  }

  /// A chunk, which is a file of torch.save by itself; its storage joins those of the checkpoint.
  Tensor read_chunk(const std::string& fqn, const Box& box) {
    const auto& place = m_metadata.place_of(fqn, box.at);
    const auto file = open(place.file);
    auto part = read_nested_archive({m_checkpoint.files[file]},
                                    {0, place.begin, place.bytes, m_checkpoint.files[file]->path().string()}, {});
    if (part.tensors.size() != 1) fail(fmt::format("the file of '{}' must hold one tensor", escape_unprintable(fqn)));
    if (part.big_endian) fail("a piece is big-endian, which is not supported");
    auto tensor = std::move(part.tensors.front());
    if (tensor.shape != box.shape) {
      fail(fmt::format("'{}' has the shape {} in its file, and another in the metadata", escape_unprintable(fqn),
                       format_shape(tensor.shape)));
    }
    limit_unfolding(tensor);
    part.storages.at(0).file = file;
    tensor.storage = m_checkpoint.storages.size();
    m_checkpoint.storages.push_back(std::move(part.storages.front()));
    for (auto& record : part.records) {
      record.file = file;
      m_checkpoint.records.push_back(std::move(record));
    }
    for (auto& note : part.notes) {
      // One note of each rule: a writer does the same in every piece.
      if (std::ranges::find(m_checkpoint.notes, note.rule, &Note::rule) == m_checkpoint.notes.end())
        m_checkpoint.notes.push_back(std::move(note));
    }
    return tensor;
  }

  std::string name_of(const std::string& fqn) const {
    const auto path = m_metadata.path_of(fqn);
    return m_checkpoint.entry.empty() || path.empty() ? fqn : joined(path.subspan(1));
  }

  /// Index of the file, which must lie in the directory.
  std::size_t open(const std::string& name) {
    const auto [found, added] = m_files.emplace(name, m_checkpoint.files.size());
    if (!added) return found->second;
    const std::filesystem::path path(name);
    if (path != path.filename() || name == ".." || name.empty() || m_files.size() > k_file_limit)
      fail(fmt::format("the metadata must name files in its directory, found '{}'", escape_unprintable(name)));
    const auto full = m_file->path().parent_path() / path;
    std::error_code ignored;
    if (!std::filesystem::exists(full, ignored)) {
      throw Error(ErrorKind::io, m_path, fmt::format("the file {} is missing", escape_unprintable(name)),
                  "copy the whole directory: every rank wrote files of its own");
    }
    m_checkpoint.files.push_back(std::make_shared<const MappedFile>(full));
    m_file_bytes += m_checkpoint.files.back()->size();
    return found->second;
  }

  [[noreturn]] void fail(std::string message) const { m_metadata.fail(std::move(message)); }

  const OpenOptions& m_options;
  std::shared_ptr<const MappedFile> m_file;  // of the metadata
  std::uint64_t m_file_bytes = 0;  // of the files that were opened
  std::uint64_t m_unfolded = 0;    // of the tensors up to here
  std::string m_path;
  distcp::Metadata m_metadata;
  std::vector<std::pair<std::string, Id>> m_chosen;
  std::map<std::string, std::size_t> m_files;
  Checkpoint m_checkpoint;
};

}  // namespace

bool is_distcp_metadata(const std::filesystem::path& path) { return path.filename() == ".metadata"; }

Checkpoint read_distcp(std::shared_ptr<const MappedFile> metadata, const OpenOptions& options) {
  return DistcpReader(std::move(metadata), options).run();
}

}  // namespace goldseal
