// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/contents/summary.hpp>

#include <goldseal/base/bytes/checked.hpp>
#include <goldseal/base/kinds/device.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/base/running/parallel.hpp>
#include <goldseal/checkpoint/keys/key_causes.hpp>
#include <goldseal/checkpoint/keys/key_segments.hpp>
#include <goldseal/checkpoint/keys/key_table.hpp>
#include <goldseal/checkpoint/tensors/element.hpp>
#include <goldseal/checkpoint/tensors/tensor_view.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>
#include <unordered_map>

namespace goldseal {
namespace {

// A name of ten thousand dots does not make a deeper tree: modules below belong to the last level.
constexpr std::size_t k_depth_limit = 64;

struct Size {
  std::uint64_t elements;
  std::uint64_t bytes;
};

void add(ModuleNode& node, const Size& size) {
  ++node.tensors;
  node.elements += size.elements;
  node.bytes += size.bytes;
}

/// The tree grows by one name at a time; consecutive names share their modules, as files have them.
void add_path(ModuleNode& root, std::string_view name, const Size& size) {
  auto* node = &root;
  add(*node, size);
  const auto segments = split(name, '.');
  for (std::size_t i = 0; i + 1 < segments.size() && i < k_depth_limit; ++i) {
    if (node->children.empty() || node->children.back().name != segments[i]) {
      node->children.push_back({std::string(segments[i]), 0, 0, 0, {}});
    }
    node = &node->children.back();
    add(*node, size);
  }
}

std::vector<std::vector<std::string>> find_tied(const Checkpoint& checkpoint) {
  using View = std::tuple<std::size_t, std::int64_t, std::vector<std::int64_t>>;
  std::map<View, std::vector<std::string>> groups;
  std::vector<View> order;
  std::vector<std::size_t> sharers(checkpoint.storages.size());
  for (const auto& tensor : checkpoint.tensors) ++sharers[tensor.storage];
  for (const auto& tensor : checkpoint.tensors) {
    if (sharers[tensor.storage] < 2 || tensor_bytes(tensor) == 0) continue;
    View view{tensor.storage, tensor.offset, tensor.shape};
    auto& names = groups[view];
    names.push_back(tensor.name);
    if (names.size() == 2) order.push_back(std::move(view));
  }
  std::vector<std::vector<std::string>> result;
  for (const auto& view : order) result.push_back(groups[view]);
  return result;
}

std::vector<std::string> find_wrappers(const Checkpoint& checkpoint) {
  std::set<std::string> found;
  for (const auto& tensor : checkpoint.tensors) {
    for (const auto segment : split(tensor.name, '.')) {
      if (is_wrapper_segment(segment)) found.emplace(segment);
    }
  }
  return {found.begin(), found.end()};
}

// Element types came later than the zip format that holds them.
std::string torch_zip_needs(const Checkpoint& checkpoint) {
  const auto is_object = [](const Note& note) { return note.rule == "pickle.objects"; };
  const auto has = [&](auto... dtypes) {
    return std::ranges::any_of(checkpoint.tensors,
                               [&](const Tensor& tensor) { return ((tensor.dtype == dtypes) || ...); });
  };
  const auto eight_bit = std::ranges::any_of(checkpoint.tensors, [](const Tensor& t) { return is_float8(t.dtype); });
  const std::string version = has(DType::uint16, DType::uint32, DType::uint64) ? "torch 2.3 or newer"
                              : eight_bit                                      ? "torch 2.1 or newer"
                                          : std::string(traits(Container::Kind::torch_zip).read_by);
  return version + (std::ranges::any_of(checkpoint.notes, is_object) ? ", with weights_only=False since 2.6" : "");
}

std::string needs(const Checkpoint& checkpoint) {
  if (checkpoint.container == Container::Kind::torch_zip) return torch_zip_needs(checkpoint);
  return checkpoint.container.sharded ? "" : std::string(traits(checkpoint.container.kind).read_by);
}

void advise_on_locations(CheckpointSummary& summary) {
  std::string devices;
  std::string beyond_first;  // where a machine with one such device has none
  std::size_t count = 0;
  for (const auto& [location, tensors] : summary.locations) {
    const Device device(location);
    if (device.is_on_every_machine()) continue;
    devices += (devices.empty() ? "" : ", ") + escape_unprintable(location);
    if (device.gpu_index().value_or(0) > 0) beyond_first = escape_unprintable(location);
    count += tensors;
  }
  if (count == 0) return;
  auto message = fmt::format(
      "{} tensors were saved from {}: torch.load fails on a machine without that device; give map_location='cpu'",
      count, devices);
  if (!beyond_first.empty()) message += fmt::format(", or map_location={{'{}': 'cuda:0'}} to move them", beyond_first);
  summary.advice.push_back({"location.device", std::move(message)});
}

void advise_on_precision(CheckpointSummary& summary) {
  const auto half = summary.dtypes.find("float16");
  if (half == summary.dtypes.end()) return;
  summary.advice.push_back(
      {"dtype.half", fmt::format("{} tensors are float16: on a CPU, or with float32 inputs, call .float() on the "
                                 "model first, or `goldseal convert --dtype float32`",
                                 half->second)});
}

void advise_on_packed_weights(const Checkpoint& checkpoint, CheckpointSummary& summary) {
  if (!checkpoint.packed_weights) return;
  summary.advice.push_back({"torchscript.packed-weights",
                            "quantized layers keep their weights in packed objects, which have no names and are not "
                            "listed: the digest of the whole file vouches for them"});
}

std::vector<PackedWeight> find_packed(const Checkpoint& checkpoint) {
  std::vector<PackingEntry> entries;
  entries.reserve(checkpoint.tensors.size());
  for (const auto& tensor : checkpoint.tensors) entries.push_back({tensor.name, tensor.dtype, tensor.shape});
  return find_packed_weights(entries);
}

void advise_on_packing(CheckpointSummary& summary) {
  for (const auto& group : group_by_scheme(summary.packed)) {
    summary.advice.push_back(
        {"quantized." + std::string(group.scheme->id),
         fmt::format("{} weights are {}, each several entries: a network with plain weights cannot take them; {}",
                     format_count(group.weights), group.scheme->what, group.scheme->remedy)});
  }
}

void advise_on_flat_shards(const Checkpoint& checkpoint, CheckpointSummary& summary) {
  const auto is_flat = [](const Tensor& tensor) {
    return tensor.name.ends_with("_flat_param") || tensor.name.ends_with("flat_param") ||
           tensor.name.ends_with("_flat_param_0");
  };
  const auto found = std::ranges::find_if(checkpoint.tensors, is_flat);
  if (found == checkpoint.tensors.end()) return;
  summary.advice.push_back(
      {"fsdp.flat-shards", fmt::format("{} is one rank's piece of many parameters laid end to end (FSDP, "
                                       "LOCAL_STATE_DICT): save with StateDictType.FULL_STATE_DICT on the training "
                                       "machines",
                                       escape_unprintable(found->name))});
}

NonFinite count_non_finite(const Checkpoint& checkpoint, const Tensor& tensor) {
  NonFinite result{tensor.name, 0, 0};
  std::vector<double> values;
  for_each_piece(checkpoint, tensor, [&](std::span<const std::byte> piece) {
    values.clear();
    to_doubles(piece, tensor.dtype, values);
    for (const double value : values) {
      result.nan += std::isnan(value) ? 1U : 0U;
      result.infinite += std::isinf(value) ? 1U : 0U;
    }
  });
  return result;
}

// Whole numbers are all finite, and a disk that cannot give them is told like any other.
void read_bytes(const Checkpoint& checkpoint, const Tensor& tensor) {
  volatile unsigned char sum = 0;  // what nobody uses would not be read
  for_each_piece(checkpoint, tensor, [&](std::span<const std::byte> piece) {
    unsigned char of_piece = 0;
    for (const auto byte : piece) of_piece = static_cast<unsigned char>(of_piece ^ std::to_integer<unsigned char>(byte));
    sum = of_piece;
  });
}

}  // namespace

CheckpointSummary summarize(const Checkpoint& checkpoint) {
  CheckpointSummary summary;
  summary.tensors = checkpoint.tensors.size();
  for (const auto& tensor : checkpoint.tensors) {
    const Size size{static_cast<std::uint64_t>(checked_numel(tensor.shape).value_or(0)), tensor_bytes(tensor)};
    summary.parameters += tensor.parameter ? 1U : 0U;
    summary.elements += size.elements;
    summary.bytes += size.bytes;
    ++summary.dtypes[std::string(to_string(tensor.dtype))];
    if (const auto& location = checkpoint.storages[tensor.storage].location; !location.empty())
      ++summary.locations[location];
    add_path(summary.root, tensor.name, size);
  }
  for (const auto& storage : checkpoint.storages) summary.storage_bytes += storage.bytes;
  summary.tied = find_tied(checkpoint);
  summary.wrapper_segments = find_wrappers(checkpoint);
  summary.naming = naming_family(key_table(checkpoint));
  summary.needs = needs(checkpoint);
  advise_on_locations(summary);
  advise_on_precision(summary);
  advise_on_packed_weights(checkpoint, summary);
  summary.packed = find_packed(checkpoint);
  advise_on_packing(summary);
  advise_on_flat_shards(checkpoint, summary);
  return summary;
}

std::vector<NonFinite> find_non_finite(const Checkpoint& checkpoint) {
  std::vector<NonFinite> all(checkpoint.tensors.size());
  parallel_for(all.size(), [&](std::size_t i) {
    const auto& tensor = checkpoint.tensors[i];
    if (is_floating(tensor.dtype) && is_numeric(tensor.dtype))
      all[i] = count_non_finite(checkpoint, tensor);
    else
      read_bytes(checkpoint, tensor);
  });
  std::erase_if(all, [](const NonFinite& row) { return row.nan == 0 && row.infinite == 0; });
  return all;
}

}  // namespace goldseal
