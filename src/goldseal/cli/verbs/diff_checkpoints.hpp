// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/cli/verb.hpp>

#include <string>

namespace goldseal::cli {

/// True for a file that can only be a checkpoint: neither a seal's directory nor a TOML.
[[nodiscard]] bool names_checkpoint(const std::string& path);

/// Two checkpoints, and which state dict of each is meant; empty for the only plausible one.
struct CheckpointPair {
  std::string a;
  std::string b;
  std::string entry = {};
};

/// `diff` of two checkpoints: names, shapes, element types and values. `fails` where they differ, `inconclusive` where
/// what was read is equal and one of them holds objects that only Python's code reads.
ExitCode diff_checkpoints(const CheckpointPair& pair, const CommonOptions& common);

}  // namespace goldseal::cli
