// SPDX-License-Identifier: Apache-2.0
// `goldseal inspect` answers what a file holds before anybody loads it. This file gathers that
// answer from a table of tensors, with advice. Printing is left to cli/verbs.
#pragma once

#include <goldseal/checkpoint/packing/packing.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace goldseal {

/// A module of the tree that the dots in the names make.
struct ModuleNode {
  std::string name;  ///< its own segment; empty for the root
  std::size_t tensors = 0;
  std::uint64_t elements = 0;
  std::uint64_t bytes = 0;
  std::vector<ModuleNode> children;  ///< in the file's order
};

/// A tensor with NaN or infinite values.
struct NonFinite {
  std::string name;
  std::uint64_t nan = 0;
  std::uint64_t infinite = 0;
};

/// What is in a checkpoint, at a glance.
struct CheckpointSummary {
  std::size_t tensors = 0;
  std::size_t parameters = 0;  ///< saved as nn.Parameter
  std::uint64_t elements = 0;
  std::uint64_t bytes = 0;                       ///< of all tensors; tied ones count each time
  std::uint64_t storage_bytes = 0;               ///< of the storages that they share
  std::map<std::string, std::size_t> dtypes;     ///< tensors of each element type
  std::map<std::string, std::size_t> locations;  ///< tensors saved from each device: `cuda:0`
  std::vector<std::vector<std::string>> tied;    ///< names of the tensors that are the same view of a storage
  std::vector<std::string> wrapper_segments;     ///< that occur in the names: `module`
  std::string naming;                            ///< the code base whose names these are; empty for none known
  std::string needs;                             ///< what it takes to load the file: `torch 1.6 or newer`
  std::vector<PackedWeight> packed;              ///< weights that a library stores as several entries
  std::vector<Note> advice;  ///< what will trouble whoever loads the file with PyTorch, and the way around it
  ModuleNode root;
};

/// Reads no tensor's bytes: the cost is that of the names.
[[nodiscard]] CheckpointSummary summarize(const Checkpoint& checkpoint);

/// The floating tensors that hold NaN or infinity, found by reading every value on every processor.
[[nodiscard]] std::vector<NonFinite> find_non_finite(const Checkpoint& checkpoint);

}  // namespace goldseal
