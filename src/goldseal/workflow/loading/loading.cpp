// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/loading/loading.hpp>

#include <goldseal/base/kinds/device.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/checkpoint/keys/key_segments.hpp>
#include <goldseal/checkpoint/state_dict/extra_state.hpp>
#include <goldseal/checkpoint/tensors/plain_value.hpp>

#include <algorithm>
#include <set>

namespace goldseal {
namespace {

bool same_memory(const Tensor& a, const Tensor& b) {
  return a.storage == b.storage && a.offset == b.offset && a.shape == b.shape && a.strides == b.strides;
}

// What stands before every matched name in the checkpoint alone: `model.`.
std::string common_prefix(const KeyMatch& match, const std::vector<Key>& have, const std::vector<Key>& want) {
  const auto& [first, place] = match.pairs.front();
  if (!have[first].name.ends_with(want[place].name)) return {};
  const auto prefix = have[first].name.substr(0, have[first].name.size() - want[place].name.size());
  const auto shares = [&](const auto& pair) { return have[pair.first].name == prefix + want[pair.second].name; };
  return std::ranges::all_of(match.pairs, shares) ? prefix : std::string();
}

Key extra_state_key(const std::string& name) {
  Key key{name, DType::uint8, {}};
  key.value = true;
  return key;
}

// By the index of a key; a tensor may stand for one.
ExtraState extra_state_at(const Checkpoint& checkpoint, std::size_t index) {
  if (index >= checkpoint.tensors.size()) return checkpoint.extra_states.at(index - checkpoint.tensors.size());
  ExtraState state;
  state.name = checkpoint.tensors[index].name;
  state.value.kind = PlainValue::Kind::tensor;
  state.tensors.push_back(checkpoint.tensors[index]);
  return state;
}

CompiledIn compiled_in(const Checkpoint& checkpoint, const KeyMatch& match, std::size_t index) {
  const auto& tensor = checkpoint.tensors[index];
  if (tensor.name.ends_with("num_batches_tracked")) return CompiledIn::counter;
  const bool tied = std::ranges::any_of(
      match.pairs, [&](const auto& pair) { return same_memory(checkpoint.tensors[pair.first], tensor); });
  return tied ? CompiledIn::tied : CompiledIn::code;
}

}  // namespace

std::vector<std::pair<std::size_t, std::size_t>> in_wanted_order(const KeyMatch& match) {
  auto pairs = match.pairs;
  std::ranges::sort(pairs, {}, &std::pair<std::size_t, std::size_t>::second);
  return pairs;
}

std::vector<Key> keys_of(const Checkpoint& checkpoint) {
  std::vector<Key> keys;
  keys.reserve(checkpoint.tensors.size());
  for (const auto& tensor : checkpoint.tensors) keys.push_back({tensor.name, tensor.dtype, tensor.shape, true});
  for (const auto& state : checkpoint.extra_states) keys.push_back(extra_state_key(state.name));
  return keys;
}

std::vector<Key> keys_of(const Checkpoint& checkpoint, const std::map<std::string, std::string>& renames) {
  auto keys = keys_of(checkpoint);
  if (renames.empty()) return keys;
  const auto names = plain_names(checkpoint);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto renamed = renames.find(names[i]);
    if (renamed != renames.end()) keys[i].name = renamed->second;
  }
  return keys;
}

std::vector<std::string> plain_names(const Checkpoint& checkpoint) {
  std::vector<std::string> names;
  std::vector<std::string> plain;
  std::set<std::string> seen;
  for (const auto& key : keys_of(checkpoint)) {
    names.push_back(key.name);
    plain.push_back(without_wrappers(key.name));
    seen.insert(plain.back());
  }
  return seen.size() == plain.size() ? plain : names;
}

std::vector<Key> keys_of(const ModelRecord& model) {
  std::vector<Key> keys;
  keys.reserve(model.tensors.size());
  for (const auto& tensor : model.tensors)
    keys.push_back({tensor.name, tensor.dtype, tensor.shape, true, tensor.alias_of});
  for (const auto& state : model.extra_states) keys.push_back(extra_state_key(state.name));
  return keys;
}

void add_compiled_in(const Checkpoint& checkpoint, BuiltNetwork& network) {
  if (!network.compiled) return;
  const auto have = keys_of(checkpoint);
  const auto match = match_keys(have, network.state_entries);
  if (match.pairs.empty() || !match.missing.empty() || !match.mismatched.empty()) return;
  const auto prefix = common_prefix(match, have, network.state_entries);
  for (const auto i : match.unexpected) {
    auto key = have[i];
    key.name = without_wrappers(key.name.starts_with(prefix) ? key.name.substr(prefix.size()) : key.name);
    if (key.value) continue;
    key.compiled_in = compiled_in(checkpoint, match, i);
    network.state_entries.push_back(std::move(key));
  }
}

void add_held_by_program(const Checkpoint& checkpoint, BuiltNetwork& network) {
  for (const auto& name : plain_names(checkpoint)) {
    if (!pickle::is_extra_state(name) || std::ranges::count(network.state_entries, name, &Key::name) > 0) continue;
    auto key = extra_state_key(name);
    key.compiled_in = CompiledIn::program;
    network.state_entries.push_back(std::move(key));
  }
}

void settle_ties(const std::vector<Key>& have, std::vector<Key>& want) {
  if (std::ranges::none_of(want, [](const Key& key) { return !key.alias_of.empty(); })) return;
  const auto match = match_keys(have, want);
  std::map<std::string_view, std::string_view> held;
  for (const auto& [from, to] : match.pairs) held.emplace(want[to].tied_to(), want[to].name);
  for (const auto i : match.missing) {
    const auto found = held.find(want[i].tied_to());
    if (found == held.end()) continue;
    want[i].required = false;
    want[i].filled_from = found->second;
  }
}

std::vector<Assignment> assignments_of(const KeyMatch& match, const std::vector<Key>& want) {
  std::vector<Assignment> assignments;
  std::map<std::string_view, std::size_t> tensors;
  for (const auto& [have, wanted] : in_wanted_order(match)) {
    if (want[wanted].compiled_in != CompiledIn::no) continue;
    assignments.push_back({have, want[wanted].name});
    tensors.emplace(want[wanted].name, have);
  }
  for (const auto& key : want) {
    if (const auto from = tensors.find(key.filled_from); from != tensors.end())
      assignments.push_back({from->second, key.name});
  }
  return assignments;
}

std::vector<Assignment> assignments_of(const Checkpoint& checkpoint, const KeyMatch& match,
                                       const BuiltNetwork& network) {
  auto assignments = assignments_of(match, network.state_entries);
  if (network.renames.empty()) return assignments;
  const auto names = plain_names(checkpoint);
  for (auto& assignment : assignments) {
    if (network.renames.contains(names[assignment.tensor])) assignment.file_name = names[assignment.tensor];
  }
  return assignments;
}

std::vector<ExtraStateAssignment> extra_state_assignments(const Checkpoint& checkpoint, const KeyMatch& match,
                                                          const std::vector<Key>& want) {
  std::vector<ExtraStateAssignment> assignments;
  for (const auto& [have, wanted] : match.values) {
    if (want[wanted].compiled_in != CompiledIn::no) continue;
    assignments.push_back({extra_state_at(checkpoint, have), want[wanted].name});
    static_cast<void>(digest(checkpoint, assignments.back().state));
    for (const auto& tensor : assignments.back().state.tensors) {
      if (tensor.chunks.empty()) continue;
      throw Error(ErrorKind::unsupported, want[wanted].name, "expected an extra state in one piece, found one in several",
                  "gather it before it is saved");
    }
  }
  return assignments;
}

std::vector<ExtraStateRecord> extra_state_records(const Checkpoint& checkpoint, const KeyMatch& match,
                                                  const std::vector<Key>& want, const std::vector<Digest>& digests) {
  std::vector<ExtraStateRecord> records;
  for (const auto& [have, wanted] : match.values) {
    const auto state = extra_state_at(checkpoint, have);
    const auto sha256 = have < checkpoint.tensors.size() ? extra_state_digest(checkpoint.tensors[have], digests[have])
                                                         : digest(checkpoint, state);
    records.push_back({want[wanted].name, kind_of(state), sha256});
  }
  return records;
}

std::vector<std::string> devices_saved_from(const Checkpoint& checkpoint) {
  std::set<std::string> devices;
  for (const auto& tensor : checkpoint.tensors) {
    const auto& location = checkpoint.storages[tensor.storage].location;
    if (!location.empty() && !Device(location).is_on_every_machine()) devices.insert(location);
  }
  return {devices.begin(), devices.end()};
}

std::vector<TensorRecord> tensor_records(const Checkpoint& checkpoint, const KeyMatch& match,
                                         const std::vector<Key>& want, const std::vector<Digest>& digests) {
  std::vector<TensorRecord> records;
  std::map<std::size_t, std::vector<std::pair<std::size_t, std::string>>> by_storage;
  for (const auto& [have, wanted] : in_wanted_order(match)) {
    const auto& tensor = checkpoint.tensors[have];
    TensorRecord record{want[wanted].name, tensor.dtype, tensor.shape, digests[have], ""};
    auto& sharers = by_storage[tensor.storage];
    const auto first = std::ranges::find_if(
        sharers, [&](const auto& other) { return same_memory(checkpoint.tensors[other.first], tensor); });
    if (first != sharers.end())
      record.alias_of = first->second;
    else
      sharers.emplace_back(have, record.name);
    records.push_back(std::move(record));
  }
  return records;
}

std::map<std::string, Digest> digests_by_name(const KeyMatch& match, const std::vector<Key>& want,
                                              const std::vector<Digest>& digests) {
  std::map<std::string, Digest> result;
  for (const auto& [have, wanted] : match.pairs) result.emplace(want[wanted].name, digests[have]);
  return result;
}

}  // namespace goldseal
