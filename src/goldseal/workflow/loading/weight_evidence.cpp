// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/loading/weight_evidence.hpp>

#include <goldseal/base/running/parallel.hpp>
#include <goldseal/golden/file/golden_file.hpp>
#include <goldseal/golden/tensors/host_tensor.hpp>
#include <goldseal/workflow/loading/loading.hpp>

#include <algorithm>
#include <utility>

namespace goldseal {
namespace {

// Explaining reads the whole tensor: a few say what happened to all.
constexpr std::size_t k_most_explained = 64;

}  // namespace

std::vector<golden::WeightFingerprint> weight_fingerprints(const Checkpoint& checkpoint, const KeyMatch& match) {
  const auto pairs = in_wanted_order(match);
  std::vector<golden::WeightFingerprint> traces(pairs.size());
  parallel_for(pairs.size(), [&](std::size_t i) {
    traces[i] = golden::trace(borrow_tensor(checkpoint, checkpoint.tensors[pairs[i].first]));
  });
  return traces;
}

std::map<std::string, golden::WeightChange> explain_weights(const Checkpoint& checkpoint, const KeyMatch& match,
                                                            const std::vector<Digest>& digests,
                                                            const ModelRecord& sealed,
                                                            const std::shared_ptr<const MappedFile>& golden_file) {
  std::map<std::string, golden::WeightChange> changes;
  std::vector<golden::WeightFingerprint> traces;
  for (const auto& [have, wanted] : in_wanted_order(match)) {
    const auto& tensor = sealed.tensors[wanted];
    if (digests[have] == tensor.sha256 || changes.size() == k_most_explained) continue;
    if (traces.empty()) traces = golden::read_fingerprints(golden_file);
    if (traces.size() != sealed.tensors.size()) return {};
    changes.emplace(tensor.name, golden::explain_change(borrow_tensor(checkpoint, checkpoint.tensors[have]),
                                                        traces[wanted], tensor.sha256));
  }
  for (const auto& mismatch : match.mismatched) {
    if (mismatch.dtype || changes.size() == k_most_explained) continue;
    const auto& tensor = sealed.tensors[mismatch.want];
    const auto found = borrow_tensor(checkpoint, checkpoint.tensors[mismatch.have]);
    if (auto how = golden::exchanged_axes(found, tensor.shape, tensor.sha256))
      changes.emplace(tensor.name, golden::WeightChange{.kind = golden::WeightChange::Kind::exchanged,
                                                        .text = "the sealed values " + *how});
  }
  return changes;
}

}  // namespace goldseal
