// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/check.hpp>

#include <map>
#include <span>
#include <string>
#include <string_view>

namespace goldseal {

/// Tensors' digests by name.
using TensorDigests = std::map<std::string, Digest>;

/// The digests that a worker took of the loaded network.
[[nodiscard]] TensorDigests digests_of(std::span<const LoadedTensor> tensors);

/// True where the tensor is among `found` with the digest that was sealed.
[[nodiscard]] bool is_as_sealed(const TensorRecord& tensor, const TensorDigests& found);
/// The same for every one of them.
[[nodiscard]] bool all_as_sealed(std::span<const TensorRecord> sealed, const TensorDigests& found);

/// The sealed tensors that the network has a place for: all of them, except in a compiled network.
[[nodiscard]] std::vector<TensorRecord> loadable(const ModelRecord& sealed, std::span<const Key> network);
/// The same of the network that was built here; all where none was.
[[nodiscard]] std::vector<TensorRecord> loadable(const ModelRecord& sealed, const RunFindings& run);
/// The sealed tensors but for those that a match did not load, as was admitted: keys.partial judges these.
[[nodiscard]] std::vector<TensorRecord> without_not_loaded(std::vector<TensorRecord> tensors,
                                                           const KeyObservation& keys);
/// True where weights were loaded, and all that the network has a place for are the sealed ones.
[[nodiscard]] bool all_loaded_as_sealed(const ModelRecord& sealed, const RunFindings& run);

/// What happened to tensors, by name.
using TensorChanges = std::map<std::string, golden::WeightChange>;

/// Whether a tensor holds one value throughout, zeros or another, as where nothing was loaded.
[[nodiscard]] bool is_unloaded(const golden::WeightChange& change);

/// The finding on tensors' digests; `whose` says where they were taken: `in the file`, `as loaded`.
[[nodiscard]] Finding judge_digests(std::span<const TensorRecord> sealed, const TensorDigests& found,
                                    std::string_view whose, std::string_view remedy, const TensorChanges& changes = {});

}  // namespace goldseal
