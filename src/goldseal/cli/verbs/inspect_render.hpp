// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/checkpoint/contents/summary.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace goldseal::cli {

/// A checkpoint as `inspect` shows it.
struct Inspection {
  Checkpoint checkpoint;
  CheckpointSummary summary;
  std::optional<std::vector<NonFinite>> non_finite;  ///< where the values were read
  std::size_t depth = 2;                             ///< levels of the tree of modules that the text shows
};

[[nodiscard]] std::string inspection_text(const Inspection& inspection);
/// Schema `goldseal.checkpoint/1`.
[[nodiscard]] std::string inspection_json(const Inspection& inspection);

}  // namespace goldseal::cli
