// SPDX-License-Identifier: Apache-2.0
// What torch.distributed.checkpoint writes (torch/distributed/checkpoint/metadata.py, filesystem.py): a directory of
//
//   .metadata        a pickle of protocol 4: Metadata{state_dict_metadata: {FQN: TensorStorageMetadata{properties,
//   size,
//                    chunks} or BytesStorageMetadata}, planner_data: {FQN: path in the saved object},
//                    storage_data: {MetadataIndex{fqn, …}: _StorageInfo{relative_path, offset, length}}}
//   __R_N.distcp     torch.save files one after the other, each of one chunk of a tensor, or of another value
//
// A tensor in one chunk is a view of the file like any other. One in several (offsets and sizes of each in the
// metadata) is a table of them; ranks that hold none of it have chunks of no elements.
#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/bytes/checked.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/formats/nested_archive.hpp>
#include <goldseal/checkpoint/formats/readers.hpp>
#include <goldseal/checkpoint/pickle/pickle.hpp>
#include <goldseal/checkpoint/state_dict/extra_state.hpp>
#include <goldseal/checkpoint/state_dict/open_options.hpp>
#include <goldseal/checkpoint/state_dict/state_dict_search.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>
#include <goldseal/checkpoint/tensors/chunks.hpp>
#include <goldseal/checkpoint/tensors/tensor_view.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace goldseal {
namespace {

using pickle::Document;
using pickle::Id;
using pickle::Kind;

constexpr std::size_t k_file_limit = 100'000;
// As of one file: see tensor_rebuilder.cpp.
constexpr std::uint64_t k_unfold_factor = 64;
constexpr std::uint64_t k_unfold_allowance = 1ULL << 30;

using Sizes = std::vector<std::int64_t>;

/// Where a chunk is.
struct Place {
  std::string file;
  std::uint64_t begin = 0;
  std::uint64_t bytes = 0;
};

/// A step of the way to a value in the object that was saved: the planner takes dicts and lists apart.
struct Step {
  std::string name;
  bool index = false;  ///< of a list
};

/// The first step that is a module's extra state; the number of steps where none is.
std::size_t extra_state_in(const std::vector<Step>& path) {
  const auto found = std::ranges::find_if(path, [](const Step& step) { return pickle::is_extra_state(step.name); });
  return static_cast<std::size_t>(found - path.begin());
}

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

/// What a chunk is.
struct Box {
  Sizes at;
  Sizes shape;
};

class DistcpReader {
 public:
  DistcpReader(std::shared_ptr<const MappedFile> metadata, const OpenOptions& options)
      : m_options(options),
        m_metadata(std::move(metadata)),
        m_path(m_metadata->path().string()),
        m_document(read_metadata()) {}

  Checkpoint run() {
    if (m_document.kind(m_document.root()) != Kind::call) fail("the metadata must be a Metadata object");
    read_places(require(m_document.root(), "storage_data"));
    read_paths(field(m_document.root(), "planner_data"));
    choose(require(m_document.root(), "state_dict_metadata"));
    for (const auto& [name, tensor] : m_chosen) add(name, tensor);
    add_extra_states(require(m_document.root(), "state_dict_metadata"));
    m_checkpoint.container = Container::Kind::distcp;
    m_checkpoint.files.push_back(m_metadata);
    return std::move(m_checkpoint);
  }

 private:
  Document read_metadata() const {
    ByteReader reader(m_path, m_metadata->bytes());
    auto document = pickle::read(m_path, reader, {.distributed = true});
    if (!reader.at_end()) reader.fail("bytes follow the end of the pickle");
    return document;
  }

  /// An attribute of an object: dataclasses are pickled as what is in their __dict__.
  std::optional<Id> field(Id object, std::string_view name) const {
    const auto state = m_document.kind(object) == Kind::call ? m_document.state(object) : std::nullopt;
    if (!state || m_document.kind(*state) != Kind::dict) return std::nullopt;
    const auto items = m_document.items(*state);
    for (std::size_t i = 0; i < items.size(); i += 2) {
      if (m_document.kind(items[i]) == Kind::text && m_document.text(items[i]) == name) return items[i + 1];
    }
    return std::nullopt;
  }
  Id require(Id object, std::string_view name) const {
    const auto found = field(object, name);
    if (!found) fail(fmt::format("the metadata lacks {}", name));
    return *found;
  }
  std::string text(Id id) const {
    if (m_document.kind(id) != Kind::text || !is_utf8(m_document.text(id)))
      fail("a name in the metadata must be UTF-8 text");
    return std::string(m_document.text(id));
  }
  std::uint64_t number(Id id) const {
    if (m_document.kind(id) != Kind::integer || m_document.integer(id) < 0)
      fail("a number in the metadata must be an integer of 0 or more");
    return static_cast<std::uint64_t>(m_document.integer(id));
  }
  std::span<const Id> pairs(Id id) const {
    if (!m_document.is_mapping(id)) fail("expected a dict in the metadata, found another value");
    return m_document.items(id);
  }
  /// torch.Size((2, 3))
  Sizes size(Id id) const {
    if (m_document.kind(id) != Kind::call || m_document.items(m_document.arguments(id)).size() != 1)
      fail("a size in the metadata must be a torch.Size");
    const auto tuple = m_document.items(m_document.arguments(id))[0];
    if (m_document.kind(tuple) != Kind::tuple) fail("a torch.Size in the metadata must hold a tuple");
    Sizes result;
    for (const auto item : m_document.items(tuple)) result.push_back(static_cast<std::int64_t>(number(item)));
    return result;
  }

  void read_places(Id places) {
    const auto items = pairs(places);
    for (std::size_t i = 0; i < items.size(); i += 2) {
      const auto info = items[i + 1];
      const auto transform = field(info, "transform_descriptors");
      if (transform && m_document.kind(*transform) != Kind::none) {
        throw Error(ErrorKind::unsupported, m_path, "the files are compressed or transformed",
                    "save them without transforms, or convert them with dcp_to_torch_save (below torch.distributed."
                    "checkpoint.format_utils)");
      }
      const auto name = text(require(items[i], "fqn"));
      const auto offset = field(items[i], "offset");
      const bool is_tensor = offset && m_document.kind(*offset) != Kind::none;
      Place place{text(require(info, "relative_path")), number(require(info, "offset")),
                  number(require(info, "length"))};
      if (!m_places[name].emplace(is_tensor ? size(*offset) : Sizes{}, std::move(place)).second)
        fail(fmt::format("two files hold the same piece of '{}'", escape_unprintable(name)));
    }
  }

  /// Where each name was in the object that was saved: ('model', '0.weight').
  void read_paths(std::optional<Id> paths) {
    if (!paths || !m_document.is_mapping(*paths)) return;
    const auto items = pairs(*paths);
    for (std::size_t i = 0; i < items.size(); i += 2) {
      if (m_document.kind(items[i + 1]) != Kind::tuple) continue;
      std::vector<Step> parts;
      for (const auto part : m_document.items(items[i + 1])) {
        const bool index = m_document.kind(part) == Kind::integer;
        parts.push_back({index ? std::to_string(number(part)) : text(part), index});
      }
      m_paths.emplace(text(items[i]), std::move(parts));
    }
  }

  /// Tensors by the first part of their path: each is a state dict of its own, as in a file of torch.save.
  void choose(Id tensors) {
    std::map<std::string, std::vector<std::pair<std::string, Id>>> groups;
    std::vector<std::string> order;
    const auto items = pairs(tensors);
    for (std::size_t i = 0; i < items.size(); i += 2) {
      const auto name = text(items[i]);
      if (!field(items[i + 1], "chunks") || lies_in_extra_state(name)) continue;
      const auto group = group_of(name);
      if (!groups.contains(group)) order.push_back(group);
      groups[group].emplace_back(name, items[i + 1]);
    }
    std::vector<pickle::Entry> entries;
    for (const auto& group : order)
      entries.push_back({{group, groups[group].size(), !pickle::is_bookkeeping(group)}, m_document.root()});
    const auto chosen = pickle::choose_entry(entries, m_path, m_options).candidate.entry;
    for (const auto& entry : entries) {
      m_checkpoint.entries.push_back(entry.candidate);
      if (entry.candidate.entry != chosen) m_checkpoint.candidates.push_back(entry.candidate.entry);
    }
    m_checkpoint.entry = chosen == "." ? "" : chosen;
    m_chosen = std::move(groups[chosen]);
  }

  std::string group_of(const std::string& fqn) const {
    const auto path = m_paths.find(fqn);
    if (path == m_paths.end() || std::min(path->second.size(), extra_state_in(path->second) + 1) < 2) return ".";
    return path->second.front().name;
  }

  /// A part of what a module's get_extra_state() gave, which was a dict or a list.
  bool lies_in_extra_state(const std::string& fqn) const {
    const auto path = m_paths.find(fqn);
    return path != m_paths.end() && extra_state_in(path->second) + 1 < path->second.size();
  }

  /// What is no tensor, of the chosen state dict: each is a file of torch.save by itself. Dicts were taken apart, and are
  /// put together as lists and dicts again; what was a tuple with tensors in it is a list then.
  void add_extra_states(Id described) {
    const auto items = pairs(described);
    for (std::size_t i = 0; i < items.size(); i += 2) {
      const auto fqn = text(items[i]);
      const bool chosen = group_of(fqn) == (m_checkpoint.entry.empty() ? "." : m_checkpoint.entry);
      if (!chosen) continue;
      if (lies_in_extra_state(fqn)) {
        add_part(fqn, items[i + 1]);
      } else if (!field(items[i + 1], "chunks") && pickle::is_extra_state(fqn)) {
        m_checkpoint.extra_states.push_back(read_value(fqn, name_of(fqn)));
      }
    }
    for (auto& state : m_checkpoint.extra_states) {
      if (state.what.empty() && state.value.kind == PlainValue::Kind::dict)
        state.what = fmt::format("a dict of {} entries", state.value.items.size() / 2);
    }
  }

  ExtraState read_value(const std::string& fqn, const std::string& name) {
    const auto& place = place_of(fqn, {});
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
    const std::span path(m_paths.at(fqn));
    const auto at = extra_state_in(m_paths.at(fqn));
    const auto name = joined(path.subspan(m_checkpoint.entry.empty() ? 0 : 1, at + (m_checkpoint.entry.empty() ? 1 : 0)));
    auto& states = m_checkpoint.extra_states;
    auto state = std::ranges::find(states, name, &ExtraState::name);
    if (state == states.end()) state = states.insert(states.end(), ExtraState{.name = name});
    ExtraState part;
    if (field(described, "chunks")) {
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
    const auto shape = size(require(described, "size"));
    const auto boxes = read_boxes(fqn, shape, require(described, "chunks"));
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

  /// The chunks that hold elements; of a tensor without any, the first.
  std::vector<Box> read_boxes(const std::string& fqn, const Sizes& whole, Id chunks) const {
    if (m_document.kind(chunks) != Kind::list) fail("the pieces in the metadata must be a list");
    std::vector<Box> boxes;
    for (const auto item : m_document.items(chunks)) {
      Box box{size(require(item, "offsets")), size(require(item, "sizes"))};
      bool inside = box.at.size() == whole.size() && box.shape.size() == whole.size();
      bool empty = false;
      for (std::size_t i = 0; inside && i < whole.size(); ++i) {
        inside = box.at[i] <= whole[i] && box.shape[i] <= whole[i] - box.at[i];
        empty = empty || box.shape[i] == 0;
      }
      if (!inside) fail(fmt::format("a piece of '{}' lies outside of it", escape_unprintable(fqn)));
      if (!empty || boxes.empty()) boxes.push_back(std::move(box));
    }
    if (boxes.size() > 1 && std::ranges::find(boxes.front().shape, 0) != boxes.front().shape.end())
      boxes.erase(boxes.begin());
    if (boxes.empty()) fail(fmt::format("'{}' has no piece", escape_unprintable(fqn)));
    return boxes;
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
    const auto& place = place_of(fqn, box);
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

  const Place& place_of(const std::string& fqn, const Box& box) const {
    const auto places = m_places.find(fqn);
    if (places == m_places.end()) fail(fmt::format("no file holds '{}'", escape_unprintable(fqn)));
    const auto found = places->second.find(box.at);
    if (found != places->second.end()) return found->second;
    fail(fmt::format("no file holds the piece of '{}' that begins at {}", escape_unprintable(fqn),
                     format_shape(box.at)));
  }

  std::string name_of(const std::string& fqn) const {
    const auto path = m_paths.find(fqn);
    if (m_checkpoint.entry.empty() || path == m_paths.end()) return fqn;
    return joined(std::span(path->second).subspan(1));
  }

  /// Index of the file, which must lie in the directory.
  std::size_t open(const std::string& name) {
    const auto [found, added] = m_files.emplace(name, m_checkpoint.files.size());
    if (!added) return found->second;
    const std::filesystem::path path(name);
    if (path != path.filename() || name == ".." || name.empty() || m_files.size() > k_file_limit)
      fail(fmt::format("the metadata must name files in its directory, found '{}'", escape_unprintable(name)));
    const auto full = m_metadata->path().parent_path() / path;
    std::error_code ignored;
    if (!std::filesystem::exists(full, ignored)) {
      throw Error(ErrorKind::io, m_path, fmt::format("the file {} is missing", escape_unprintable(name)),
                  "copy the whole directory: every rank wrote files of its own");
    }
    m_checkpoint.files.push_back(std::make_shared<const MappedFile>(full));
    m_file_bytes += m_checkpoint.files.back()->size();
    return found->second;
  }

  [[noreturn]] void fail(std::string message) const {
    throw Error(ErrorKind::malformed, m_path, std::move(message), "take the directory from its source again");
  }

  const OpenOptions& m_options;
  std::shared_ptr<const MappedFile> m_metadata;
  std::uint64_t m_file_bytes = 0;  // of the files that were opened
  std::uint64_t m_unfolded = 0;    // of the tensors up to here
  std::string m_path;
  Document m_document;
  std::map<std::string, std::map<Sizes, Place>> m_places;  // by the name, and where in the tensor
  std::map<std::string, std::vector<Step>> m_paths;
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
