// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/state_dict/open_options.hpp>
#include <goldseal/checkpoint/state_dict/state_dict.hpp>
#include <goldseal/checkpoint/state_dict/extra_state_reader.hpp>
#include <goldseal/checkpoint/tensors/plain_value.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/state_dict/extra_state.hpp>
#include <goldseal/checkpoint/state_dict/held_objects.hpp>
#include <goldseal/checkpoint/state_dict/state_dict_search.hpp>
#include <goldseal/checkpoint/state_dict/tensor_rebuilder.hpp>
#include <goldseal/checkpoint/state_dict/tensor_subclass.hpp>
#include <goldseal/checkpoint/state_dict/training_layouts.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <unordered_set>
#include <utility>
#include <vector>

namespace goldseal::pickle {
namespace {

/// Of a call that is a tensor, why it cannot be read as a view of a storage.
UnreadKind kind_of_unread(const Document& document, Id id) {
  for (int depth = 0; depth < 4 && document.kind(id) == Kind::call; ++depth) {
    const auto* const known = document.global(document.callee(id)).known;
    if (known == nullptr) break;
    switch (known->role) {
      case Role::rebuild_parameter:
      case Role::rebuild_parameter_with_state:
      case Role::rebuild_device_tensor:
        id = document.items(document.arguments(id))[0];
        continue;
      case Role::rebuild_sparse_tensor:
        return UnreadKind::sparse;
      case Role::rebuild_nested_tensor:
        return UnreadKind::nested;
      case Role::rebuild_meta_tensor:
        return UnreadKind::meta;
      case Role::rebuild_tensor_v2:
      case Role::rebuild_tensor_v3:
        return UnreadKind::view;
      default:
        return UnreadKind::other;
    }
  }
  return UnreadKind::other;
}

/// A root without tensors under names, for what it is.
[[noreturn]] void refuse_without_tensors(const Document& document, const std::string& where) {
  const auto root = document.root();
  const auto error = [&](std::string message, std::string remedy) {
    return Error(ErrorKind::unsupported, where, std::move(message), std::move(remedy));
  };
  const auto is_array = [&](Id id) {
    return document.kind(id) == Kind::call && document.global(document.callee(id)).module.starts_with("numpy");
  };
  if (document.is_mapping(root) && document.items(root).size() >= 2) {
    const auto value = document.items(root)[1];
    if (is_array(value))
      throw error("the file's values are numpy arrays, not tensors",
             "save them as tensors: torch.save({k: torch.from_numpy(v) for k, v in arrays.items()}, OUT)");
    if (document.kind(value) == Kind::list)
      throw error("the file's values are lists of numbers, not tensors",
             "save them as tensors: torch.save({k: torch.tensor(v) for k, v in lists.items()}, OUT)");
  }
  const bool row = document.kind(root) == Kind::tuple || document.kind(root) == Kind::list;
  if (row && !document.items(root).empty()) {
    const auto first = document.items(root)[0];
    if (document.kind(first) == Kind::tuple && document.items(first).size() == 2 && is_tensor(document, document.items(first)[1]))
      throw error("the file holds pairs of names and tensors, not a dict", "save a dict of them: torch.save(dict(torch.load(FILE)), OUT)");
  }
  throw error("the file holds no tensors under names, so it is not a state dict",
         "save the weights with torch.save(model.state_dict(), FILE)");
}

class StateDictReader {
 public:
  StateDictReader(const Document& document, const std::string& where, const FindStorage& find, Checkpoint& checkpoint)
      : m_document(document), m_where(where), m_checkpoint(checkpoint), m_tensors(document, where, find, checkpoint) {}

  void run(const OpenOptions& options) {
    const auto entries = find_or_make_entries();
    judge_layout(entries, options);
    if (has_foreign(m_document)) m_objects = find_objects(m_document);
    if (!m_objects.empty()) judge_objects(entries, options);
    if (const auto told = explain_entries(entries); !told.empty())
      m_checkpoint.notes.push_back({"state-dict.averaged", told});
    if (entries.empty() && m_objects.empty()) refuse_without_tensors(m_document, m_where);
    const auto& chosen = choose_entry(entries, m_where, options);
    for (const auto& entry : entries) {
      m_checkpoint.entries.push_back(entry.candidate);
      if (&entry != &chosen) m_checkpoint.candidates.push_back(entry.candidate.entry);
    }
    if (chosen.candidate.entry != ".") m_checkpoint.entry = chosen.candidate.entry;
    read_entry(chosen.id);
    judge_subclasses(chosen, options);
    note_objects();
  }

  void run_module() {
    read_module(m_document.root(), "", 0);
    report_left_out();
    m_checkpoint.entries.push_back({".", m_checkpoint.tensors.size(), true});
  }

  void run_tuple(const std::string& prefix) {
    if (m_document.kind(m_document.root()) != Kind::tuple) return;
    const auto items = m_document.items(m_document.root());
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (is_tensor(m_document, items[i])) add_tensor(fmt::format("{}.{}", prefix, i), items[i]);
    }
    report_left_out();
  }

 private:
  std::vector<Entry> find_or_make_entries() const;
  void read_entry(Id id);
  void read_items(Id id);
  void read_module(Id id, const std::string& path, int depth);
  void report_left_out();
  bool holds_tensors(Id value) const;
  std::string name_of(Id key) const;
  void add_tensor(const std::string& name, Id id);
  void note_objects();
  void judge_layout(const std::vector<Entry>& entries, const OpenOptions& options);
  void judge_objects(const std::vector<Entry>& entries, const OpenOptions& options);
  void judge_subclasses(const Entry& chosen, const OpenOptions& options);

  [[noreturn]] void fail(std::string message) const {
    throw Error(ErrorKind::malformed, m_where, std::move(message), "take the file from its source again");
  }

  const Document& m_document;
  const std::string& m_where;
  Checkpoint& m_checkpoint;
  TensorRebuilder m_tensors;
  std::unordered_set<std::string> m_names;
  std::vector<std::string> m_other_values;
  std::vector<std::string> m_held_tensors;  // names of entries that are containers of tensors
  std::vector<UnreadTensor> m_unread;
  std::vector<HeldObject> m_objects;
  std::vector<SubclassTensor> m_subclasses;
  std::vector<Tensor> m_parts;  // of tensors of subclasses
  std::size_t m_visited = 0;
};

/// The one that the options mean, before it is sure that there is one.
const Entry* likely_entry(const std::vector<Entry>& entries, const OpenOptions& options) {
  const auto meant = [&](const Entry& entry) {
    return options.entry.empty() ? entry.candidate.plausible : entry.candidate.entry == options.entry;
  };
  const auto found = std::ranges::find_if(entries, meant);
  return found == entries.end() ? nullptr : &*found;
}

void StateDictReader::judge_layout(const std::vector<Entry>& entries, const OpenOptions& options) {
  const auto layout = find_training_layout(m_document, likely_entry(entries, options));
  if (!layout) return;
  if (!options.show_all || entries.empty())
    throw Error(ErrorKind::unsupported, m_where, layout->message, layout->remedy);
  m_checkpoint.notes.push_back({layout->rule, fmt::format("{}; {}", layout->message, layout->remedy)});
}

/// Values of classes on no list: whoever wants a state dict is told how to save one without them. What is asked for by
/// name or to be shown is read.
void StateDictReader::judge_objects(const std::vector<Entry>& entries, const OpenOptions& options) {
  auto error = objects_error(m_document, m_where, m_objects, likely_entry(entries, options));
  if (!options.show_all || entries.empty()) throw Error(std::move(error));
  m_checkpoint.notes.push_back({"pickle.foreign-objects", fmt::format("{}; {}", error.message(), error.remedy())});
  m_checkpoint.objects = m_objects;
}

void StateDictReader::judge_subclasses(const Entry& chosen, const OpenOptions& options) {
  if (m_subclasses.empty()) return;
  const auto count = m_checkpoint.tensors.size() + m_subclasses.size();
  if (!options.show_all) refuse_subclasses(m_where, m_subclasses, count, chosen.subscript);
  m_checkpoint.notes.push_back(
      {"state-dict.subclasses", describe_subclasses(m_subclasses, count, chosen.subscript)});
  std::ranges::move(m_parts, std::back_inserter(m_checkpoint.tensors));
  m_checkpoint.subclass_tensors = std::move(m_subclasses);
}

/// A file that holds one tensor and nothing else, torch.save(tensor), is a state dict of one nameless place.
std::vector<Entry> StateDictReader::find_or_make_entries() const {
  if (is_tensor(m_document, m_document.root())) return {{{".", 1, true}, m_document.root()}};
  return find_entries(m_document);
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
  std::vector<std::string> extra;
  for (const auto& state : m_checkpoint.extra_states)
    extra.push_back(fmt::format("{} ({})", escape_unprintable(state.name), state.what));
  report("state-dict.extra-state", "values of modules' extra state are not tensors", extra);
  report("state-dict.other-values", "entries of the state dict are not tensors and are left out", m_other_values);
  report("state-dict.held-tensors",
         "entries of the state dict hold tensors inside tuples (packed weights of quantized layers are kept so); these "
         "have no names of their own, and are left out",
         m_held_tensors);
  std::vector<std::string> unread;
  for (const auto& tensor : m_unread)
    unread.push_back(fmt::format("{} ({})", escape_unprintable(tensor.name), to_string(tensor.kind)));
  report("state-dict.unsupported-tensors", "tensors are of a kind that goldseal does not read and are left out", unread);
  if (!m_unread.empty()) m_checkpoint.notes.back().unread = std::move(m_unread);
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
      add_tensor(name, value);
    } else if (holds_tensors(value)) {
      m_held_tensors.push_back(escape_unprintable(name));
    } else if (is_extra_state(name)) {
      auto state = read_extra_state(m_document, m_tensors, name, value);
      state.what = describe_extra_state(m_document, name, value).what;
      m_checkpoint.extra_states.push_back(std::move(state));
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

/// One level deep, as quantized layers keep (weight, bias); a nested state dict is an entry of its own.
bool StateDictReader::holds_tensors(Id value) const {
  if (m_document.kind(value) != Kind::tuple) return false;
  return std::ranges::any_of(m_document.items(value), [&](Id item) { return is_tensor(m_document, item); });
}

std::string StateDictReader::name_of(Id key) const {
  if (m_document.kind(key) == Kind::integer) return std::to_string(m_document.integer(key));
  if (m_document.kind(key) != Kind::text) {
    throw Error(ErrorKind::unsupported, m_where, "a key of the state dict is neither text nor a number",
                "save it with names for keys: {str(key): tensor for key, tensor in …}");
  }
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

void StateDictReader::add_tensor(const std::string& name, Id id) {
  if (is_subclass(m_document, id)) {
    m_subclasses.push_back(read_subclass(m_document, m_tensors, name, id, m_parts));
    return;
  }
  if (auto tensor = m_tensors.rebuild(name, id)) {
    m_checkpoint.tensors.push_back(std::move(*tensor));
  } else {
    m_unread.push_back({name, kind_of_unread(m_document, id)});
  }
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

void read_whole_extra_state(const Document& document, const std::string& where, const FindStorage& find,
                            const std::string& name, Checkpoint& checkpoint) {
  TensorRebuilder tensors(document, where, find, checkpoint);
  checkpoint.extra_states.push_back(read_extra_state(document, tensors, name, document.root()));
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
