// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/shared/loading.hpp>

#include <goldseal/base/device.hpp>
#include <goldseal/checkpoint/keys/key_segments.hpp>

#include <algorithm>
#include <set>

namespace goldseal {
namespace {

// The pairs of a match in the order of what was wanted.
std::vector<std::pair<std::size_t, std::size_t>> in_wanted_order(const KeyMatch& match) {
  auto pairs = match.pairs;
  std::ranges::sort(pairs, {}, &std::pair<std::size_t, std::size_t>::second);
  return pairs;
}

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

CompiledIn compiled_in(const Checkpoint& checkpoint, const KeyMatch& match, std::size_t index) {
  const auto& tensor = checkpoint.tensors[index];
  if (tensor.name.ends_with("num_batches_tracked")) return CompiledIn::counter;
  const bool tied = std::ranges::any_of(
      match.pairs, [&](const auto& pair) { return same_memory(checkpoint.tensors[pair.first], tensor); });
  return tied ? CompiledIn::tied : CompiledIn::code;
}

}  // namespace

std::vector<Key> keys_of(const Checkpoint& checkpoint) {
  std::vector<Key> keys;
  keys.reserve(checkpoint.tensors.size());
  for (const auto& tensor : checkpoint.tensors) keys.push_back({tensor.name, tensor.dtype, tensor.shape, true});
  return keys;
}

std::vector<Key> keys_of(const ModelRecord& model) {
  std::vector<Key> keys;
  keys.reserve(model.tensors.size());
  for (const auto& tensor : model.tensors)
    keys.push_back({tensor.name, tensor.dtype, tensor.shape, true, tensor.alias_of});
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
    key.compiled_in = compiled_in(checkpoint, match, i);
    network.state_entries.push_back(std::move(key));
  }
}

std::vector<Assignment> assignments_of(const KeyMatch& match, const std::vector<Key>& want) {
  std::vector<Assignment> assignments;
  for (const auto& [have, wanted] : in_wanted_order(match)) {
    if (want[wanted].compiled_in == CompiledIn::no) assignments.push_back({have, want[wanted].name});
  }
  return assignments;
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
