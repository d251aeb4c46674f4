// SPDX-License-Identifier: Apache-2.0
#include <checks/tensors/tensor_finding.hpp>

#include <checks/finding_rows.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace goldseal {
namespace {

std::string what_happened(const TensorRecord& tensor, const TensorDigests& found, std::span<const TensorRecord> sealed,
                          const TensorChanges& changes) {
  const auto here = found.find(tensor.name);
  if (here == found.end()) return "missing";
  const auto change = changes.find(tensor.name);
  // Zeros are as likely not loaded as another tensor's.
  const bool unloaded = change != changes.end() && is_unloaded(change->second);
  for (const auto& other : sealed) {
    if (!unloaded && other.sha256 == here->second) return fmt::format("holds the values of {}", escape_unprintable(other.name));
  }
  return change == changes.end() ? "other values" : change->second.text;
}

}  // namespace

bool is_unloaded(const golden::WeightChange& change) {
  return change.kind == golden::WeightChange::Kind::zero || change.kind == golden::WeightChange::Kind::constant;
}

TensorDigests digests_of(std::span<const LoadedTensor> tensors) {
  TensorDigests digests;
  for (const auto& tensor : tensors) digests.emplace(tensor.name, tensor.sha256);
  return digests;
}

bool is_as_sealed(const TensorRecord& tensor, const TensorDigests& found) {
  const auto here = found.find(tensor.name);
  return here != found.end() && here->second == tensor.sha256;
}

bool all_as_sealed(std::span<const TensorRecord> sealed, const TensorDigests& found) {
  return std::ranges::all_of(sealed, [&](const TensorRecord& tensor) { return is_as_sealed(tensor, found); });
}

std::vector<TensorRecord> loadable(const ModelRecord& sealed, std::span<const Key> network) {
  auto tensors = sealed.tensors;
  std::set<std::string_view> without;
  for (const auto& key : network) {
    if (key.compiled_in != CompiledIn::no) without.insert(key.name);
  }
  std::erase_if(tensors, [&](const TensorRecord& tensor) { return without.contains(tensor.name); });
  return tensors;
}

std::vector<TensorRecord> without_not_loaded(std::vector<TensorRecord> tensors, const KeyObservation& keys) {
  std::set<std::string_view> names;
  for (const auto i : keys.match.not_loaded) names.insert(keys.want[i].name);
  std::erase_if(tensors, [&](const TensorRecord& tensor) { return names.contains(tensor.name); });
  return tensors;
}

std::vector<TensorRecord> loadable(const ModelRecord& sealed, const RunFindings& run) {
  const auto& keys = run.network_keys;
  auto tensors = loadable(sealed, keys ? std::span(keys->want) : std::span<const Key>());
  return keys ? without_not_loaded(std::move(tensors), *keys) : tensors;
}

bool all_loaded_as_sealed(const ModelRecord& sealed, const RunFindings& run) {
  return run.loaded_tensors && all_as_sealed(loadable(sealed, run), digests_of(*run.loaded_tensors));
}

Finding judge_digests(std::span<const TensorRecord> sealed, const TensorDigests& found, std::string_view whose,
                      std::string_view remedy, const TensorChanges& changes) {
  Table table{"tensors that differ", {"tensor", "type", "shape", "what happened"}, {}};
  std::size_t differing = 0;
  for (const auto& tensor : sealed) {
    if (is_as_sealed(tensor, found)) continue;
    if (differing++ < k_finding_rows) {
      table.rows.push_back({escape_unprintable(tensor.name), std::string(to_string(tensor.dtype)),
                            format_shape(tensor.shape), what_happened(tensor, found, sealed, changes)});
    }
  }
  if (differing == 0)
    return passed(fmt::format("all {} tensors are bit for bit as they were sealed, {}", sealed.size(), whose));
  const auto first = fmt::format("{}, {}", table.rows.front()[0], table.rows.front()[3]);
  auto finding = failed(fmt::format("{} of {} tensors differ from the seal {}: {}{}", differing, sealed.size(), whose,
                                    first, differing > 1 ? " …" : ""),
                        "the sealed sha256 of each tensor", fmt::format("{} differ", differing), std::string(remedy));
  finding.measurements = {{"tensors.differing", static_cast<double>(differing), 0.0, ""}};
  table.total = differing;
  finding.tables.push_back(std::move(table));
  return finding;
}

}  // namespace goldseal
