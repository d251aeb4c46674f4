// SPDX-License-Identifier: Apache-2.0
// A checkpoint fits a network if their state entries match one to one, once wrapper segments are
// removed. This file finds that match or says what is left over. It moves no bytes. key_causes.hpp
// explains a failure.
#pragma once

#include <goldseal/base/kinds/dtype.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace goldseal {

/// What became of a checkpoint's tensor that a compiled network does not take. An AOTInductor package names the
/// constants that it takes; other tensors are in its code, or are not needed.
enum class CompiledIn {
  no,       ///< it has a place
  counter,  ///< BatchNorm's num_batches_tracked, which only training looks at
  tied,     ///< the same memory as one that has a place
  program,  ///< an extra state, which the program that the seal embeds holds as it was sealed
  code,     ///< written or folded into the code, or not used: nothing tells which
};

/// A named place or tensor: what the match compares.
struct Key {
  std::string name;
  DType dtype = DType::float32;
  std::vector<std::int64_t> shape;
  bool required =
      true;  ///< of a network's state entry: false where its state dict does not save it (non-persistent buffer)
  std::string alias_of =
      {};  ///< of a network's state entry: the name of the one that it shares memory with (tied weights)
  bool value = false;  ///< an extra state: any plain value or tensor, whatever `dtype` and `shape` say
  CompiledIn compiled_in = CompiledIn::no;  ///< of a network: why an entry is not loaded; `no` for every state entry
  std::string filled_from = {};  ///< of an embedded program: the tied entry whose tensor it is given (settle_ties)

  /// What the names of one tensor have in common: the name of the one that the others are tied to.
  [[nodiscard]] std::string_view tied_to() const { return alias_of.empty() ? name : alias_of; }
};

/// A key present on both sides with another shape or dtype.
struct KeyMismatch {
  std::size_t have = 0;  ///< index into the checkpoint's keys
  std::size_t want = 0;  ///< index into the network's keys
  bool shape = false;
  bool dtype = false;
};

/// One run of whole segments that stands in the place of another, the first time that it occurs in a name. A change that
/// only puts in or takes out a segment names the segment beside it too, so that `from` is never empty.
struct SegmentRename {
  std::string from;
  std::string to;
  std::size_t names = 0;  ///< that it brings together
  friend bool operator==(const SegmentRename&, const SegmentRename&) = default;
};

/// A way to bring names together that differ by few segments.
struct Renaming {
  std::vector<SegmentRename> renames;                      ///< each name by one of them
  std::vector<std::pair<std::size_t, std::size_t>> pairs;  ///< (have, want), of equal shapes
};

/// How a checkpoint's keys map onto a network's.
struct KeyMatch {
  std::vector<std::pair<std::size_t, std::size_t>> pairs;  ///< (have, want) of equal name, shape and dtype
  std::vector<std::pair<std::size_t, std::size_t>> values = {};  ///< the same of extra states (Key::value)
  std::vector<std::string> removed_segments;  ///< wrapper segments that were taken out, in order of removal
  std::vector<std::string> renamed;           ///< each checkpoint key after removal, in the checkpoint's order
  std::vector<std::size_t> missing;           ///< wanted and required, not in the checkpoint
  std::vector<std::size_t> unexpected;        ///< in the checkpoint, not wanted
  std::vector<KeyMismatch> mismatched;
  std::vector<std::size_t> not_loaded = {};  ///< wanted, not in the checkpoint, and admitted (admission.hpp)
  std::vector<std::size_t> left_out = {};    ///< in the checkpoint, not wanted, and admitted
  std::vector<std::pair<std::size_t, std::size_t>> nearest;  ///< (missing, unexpected) that may be meant for each other
  Renaming renaming;   ///< of unexpected names to missing ones; empty where none is seen
  std::string cause;   ///< the likely reason in one sentence; empty where all matches
  std::string remedy;  ///< what to do about it

  /// One to one, nothing left on either side.
  [[nodiscard]] bool complete() const { return missing.empty() && unexpected.empty() && mismatched.empty(); }
};

/// Maps the keys `have` (of a checkpoint) onto `want` (of a network or a seal). Wrapper segments such as `module` are
/// removed as whole path segments, to a fixpoint, and only where the names then map one to one. Where no removal
/// does so, missing and unexpected names are those after the removal that brings most names together. The cost is
/// O(n log n).
[[nodiscard]] KeyMatch match_keys(std::span<const Key> have, std::span<const Key> want);

/// What the removed segments say about how the checkpoint was saved: "saved from DataParallel or
/// DistributedDataParallel (`module.`)"; empty where none were removed.
[[nodiscard]] std::string explain_removed(std::span<const std::string> removed_segments);

}  // namespace goldseal
