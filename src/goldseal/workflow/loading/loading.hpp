// SPDX-License-Identifier: Apache-2.0
// Keys, digests and weights of one checkpoint must be told by the same names everywhere. This file
// translates between the checkpoint's names, the network's and the seal's. The match itself is made
// in checkpoint/keys.
#pragma once

#include <goldseal/checkpoint/keys/keys.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>
#include <goldseal/manifest/manifest.hpp>
#include <goldseal/worker/protocol.hpp>

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace goldseal {

/// The pairs of a match, (index into what there is, index into what was wanted), in the order of what was wanted.
[[nodiscard]] std::vector<std::pair<std::size_t, std::size_t>> in_wanted_order(const KeyMatch& match);

/// How progress calls the pass that reads every byte of the files.
inline constexpr std::string_view k_digesting = "digesting the checkpoint";

/// The tensors of a checkpoint, of a seal, as keys to match.
[[nodiscard]] std::vector<Key> keys_of(const Checkpoint& checkpoint);
[[nodiscard]] std::vector<Key> keys_of(const ModelRecord& model);
/// The tensors and extra states of a checkpoint under the names that load hooks give them.
[[nodiscard]] std::vector<Key> keys_of(const Checkpoint& checkpoint, const std::map<std::string, std::string>& renames);

/// The names in a checkpoint without wrapper segments (`module`), as load hooks know them; as they are where two would
/// become one.
[[nodiscard]] std::vector<std::string> plain_names(const Checkpoint& checkpoint);

/// Gives a compiled network a key for each of the checkpoint's tensors that it has no place for, with what became of
/// it. Leaves the keys as they are where it takes none of the checkpoint's tensors, or lacks one: another network then.
void add_compiled_in(const Checkpoint& checkpoint, BuiltNetwork& network);

/// Gives the network of an embedded program a key for each extra state of the checkpoint: the program holds those.
void add_held_by_program(const Checkpoint& checkpoint, BuiltNetwork& network);

/// An embedded program has a place of its own for each name of a tied tensor, and the file need hold one of them, as the
/// code needs one: the places that the file leaves out are no longer required and are filled from the one that it has.
/// Names that the file holds stay as they are: keys.tied judges whether they hold one value.
void settle_ties(const std::vector<Key>& have, std::vector<Key>& want);

/// Where each matched tensor goes. `want` are the keys that the match was made against.
[[nodiscard]] std::vector<Assignment> assignments_of(const KeyMatch& match, const std::vector<Key>& want);
/// The same for a network whose load hooks know the tensors by the checkpoint's names.
[[nodiscard]] std::vector<Assignment> assignments_of(const Checkpoint& checkpoint, const KeyMatch& match,
                                                     const BuiltNetwork& network);

/// The extra states that go to the network. Throws Error{unsupported} for one that is no plain value.
[[nodiscard]] std::vector<ExtraStateAssignment> extra_state_assignments(const Checkpoint& checkpoint,
                                                                        const KeyMatch& match,
                                                                        const std::vector<Key>& want);

/// Those of a checkpoint under the names that they match, with their digests; `digests` are the tensors'.
[[nodiscard]] std::vector<ExtraStateRecord> extra_state_records(const Checkpoint& checkpoint, const KeyMatch& match,
                                                                const std::vector<Key>& want,
                                                                const std::vector<Digest>& digests);

/// The devices that its tensors were saved from, but for the CPU, sorted.
[[nodiscard]] std::vector<std::string> devices_saved_from(const Checkpoint& checkpoint);

/// The manifest's tensor list: under the network's names, in the network's order, tied ones as aliases.
[[nodiscard]] std::vector<TensorRecord> tensor_records(const Checkpoint& checkpoint, const KeyMatch& match,
                                                       const std::vector<Key>& want,
                                                       const std::vector<Digest>& digests);

/// Digests of the checkpoint's tensors by the names that they match.
[[nodiscard]] std::map<std::string, Digest> digests_by_name(const KeyMatch& match, const std::vector<Key>& want,
                                                            const std::vector<Digest>& digests);

}  // namespace goldseal
