// SPDX-License-Identifier: Apache-2.0
#include <checks/catalogue.hpp>
#include <checks/finding_rows.hpp>
#include <checks/keys/tied_names.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

namespace goldseal {
namespace {

/// Names of the network that are one tensor, those alone that the file holds.
using Groups = std::map<std::string, std::vector<std::string>>;

Groups groups_of(std::span<const Key> network, const TensorDigests& file) {
  std::map<std::string, std::string> held_by;
  for (const auto& key : network) held_by.emplace(key.name, key.tied_to());
  Groups groups;
  for (const auto& key : network) {
    auto root = held_by.at(key.name);
    // An alias may name one that is itself an alias.
    for (auto found = held_by.find(root); found != held_by.end() && found->second != root; found = held_by.find(root))
      root = found->second;
    if (file.contains(key.name)) groups[root].push_back(key.name);
  }
  return groups;
}

bool differ(const std::vector<std::string>& names, const TensorDigests& file) {
  return std::ranges::any_of(names, [&](const auto& name) { return file.at(name) != file.at(names.front()); });
}

std::string listed(const std::vector<std::string>& names) {
  std::vector<std::string> shown;
  for (const auto& name : names) shown.push_back(escape_unprintable(name));
  const auto last = shown.back();
  shown.pop_back();
  return fmt::format("{} and {}", fmt::join(shown, ", "), last);
}

Finding judge_tied_names(const Observation& observed, const CheckSettings&) {
  if (!observed.run.network_keys) return skipped("no network was built");
  if (observed.files.tensors.empty()) return skipped("the tensors in the file were not digested");
  return judge_ties(observed.run.network_keys->want, observed.files.tensors);
}

}  // namespace

std::set<std::string> names_in_conflict(std::span<const Key> network, const TensorDigests& file) {
  std::set<std::string> found;
  for (const auto& [root, names] : groups_of(network, file)) {
    if (names.size() > 1 && differ(names, file)) found.insert(names.begin(), names.end());
  }
  return found;
}

Finding judge_ties(std::span<const Key> network, const TensorDigests& file) {
  const auto groups = groups_of(network, file);
  Table table{"one tensor in the network", {"names", "what the file holds"}, {}};
  std::string first;
  std::size_t tied = 0;
  std::size_t differing = 0;
  for (const auto& [root, names] : groups) {
    if (names.size() < 2) continue;
    ++tied;
    if (!differ(names, file)) continue;
    std::set<Digest> values;
    for (const auto& name : names) values.insert(file.at(name));
    if (differing++ == 0) first = listed(names);
    if (table.rows.size() < k_finding_rows)
      table.rows.push_back({listed(names), fmt::format("{} different tensors", values.size())});
  }
  if (differing == 0) {
    if (tied == 0) return passed("no two names of the file are one tensor in the network");
    return passed(fmt::format("{} tied tensors hold one value under all of their names", tied));
  }
  auto finding = failed(fmt::format("{} are one tensor in the network and differ in the file", first),
                        "one value for the names of one tensor", fmt::format("{} tied tensors differ", differing),
                        "PyTorch would load one over the other: build the network untied (tie_word_embeddings=False), "
                        "or save the checkpoint from the network that ties them");
  table.total = differing;
  finding.tables.push_back(std::move(table));
  return finding;
}

const Check k_keys_tied{
    .id = "keys.tied",
    .title = "Names of one tensor hold one value",
    .explanation =
        "Names that are one tensor in the network (tied weights) must hold the same values in the file. load_state_dict "
        "copies them one after the other into the same memory, so that the last one wins in silence: a checkpoint of an "
        "untied network answers differently in a tied one. Build the network as it was trained.",
    .severity = Severity::fail,
    .judge = judge_tied_names,
};

}  // namespace goldseal
