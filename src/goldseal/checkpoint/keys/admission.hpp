// SPDX-License-Identifier: Apache-2.0
// Users may admit missing or unexpected names by patterns, instead of strict=False. This file
// applies the patterns to a match and finds patterns that admitted nothing. Whether the admitted
// difference is harmless is judged by checks/keys.
#pragma once

#include <goldseal/checkpoint/keys/keys.hpp>

#include <span>
#include <string>
#include <vector>

namespace goldseal {

/// Globs over names (matches_glob): what may be left at the network's own values, and what of a checkpoint may be left
/// out. A name of the checkpoint is matched as it stands and without its wrapper segments.
struct Admission {
  std::vector<std::string> missing;
  std::vector<std::string> unexpected;

  [[nodiscard]] bool empty() const { return missing.empty() && unexpected.empty(); }
};

/// match_keys, where what the patterns name goes to `not_loaded` and `left_out` in place of `missing` and `unexpected`.
/// A tensor that finds its place is loaded, whatever the patterns say.
[[nodiscard]] KeyMatch match_keys(std::span<const Key> have, std::span<const Key> want, const Admission& admission);

/// The options whose pattern admitted nothing in any of the matches, as they are written on the command line.
[[nodiscard]] std::vector<std::string> idle_options(const Admission& admission,
                                                    std::span<const std::vector<std::string>> not_loaded,
                                                    std::span<const std::vector<std::string>> left_out);

/// The names that a match leaves at the network's own values, and those of the checkpoint that it leaves out.
[[nodiscard]] std::vector<std::string> not_loaded_names(const KeyMatch& match, std::span<const Key> want);
[[nodiscard]] std::vector<std::string> left_out_names(const KeyMatch& match, std::span<const Key> have);

}  // namespace goldseal
