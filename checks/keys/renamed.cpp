// SPDX-License-Identifier: Apache-2.0
#include <checks/keys/renamed.hpp>

#include <algorithm>
#include <map>
#include <set>

namespace goldseal {

std::vector<std::pair<std::size_t, std::size_t>> renamed_tensors(const KeyObservation& keys,
                                                                 const ModelRecord& sealed) {
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  if (keys.digests.size() != keys.have.size() || keys.want.size() != sealed.tensors.size()) return pairs;
  const auto same = [&](std::size_t have, std::size_t want) {
    return keys.digests[have] == sealed.tensors[want].sha256 && keys.have[have].shape == keys.want[want].shape &&
           keys.have[have].dtype == keys.want[want].dtype;
  };
  std::set<std::size_t> used;
  std::set<std::size_t> found;
  const auto take = [&](std::size_t have, std::size_t want) {
    if (!same(have, want) || used.contains(have) || found.contains(want)) return;
    used.insert(have);
    found.insert(want);
    pairs.emplace_back(have, want);
  };
  for (const auto& [have, want] : keys.match.renaming.pairs) take(have, want);
  // Biases that are all zero have one digest: any of them will do.
  std::multimap<Digest, std::size_t> open;
  for (const auto have : keys.match.unexpected) open.emplace(keys.digests[have], have);
  for (const auto want : keys.match.missing) {
    const auto [begin, end] = open.equal_range(sealed.tensors[want].sha256);
    for (auto at = begin; at != end && !found.contains(want); ++at) take(at->second, want);
  }
  std::ranges::sort(pairs, {}, [](const auto& pair) { return pair.second; });
  return pairs;
}

}  // namespace goldseal
