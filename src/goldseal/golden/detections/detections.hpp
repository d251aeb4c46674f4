// SPDX-License-Identifier: Apache-2.0
// The number of detected objects varies with rounding, which no comparison of elements survives.
// This file says what is sealed of such outputs, and recognises them by name and shape. Pairing
// rows and judging them have files of their own beside it.
#pragma once

#include <goldseal/golden/tensors/host_tensor.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace goldseal::golden {

/// What a network found, after it threw most candidates away: outputs of one number of rows, where row i of each
/// describes one object. How many rows there are, and in which order, is decided by a threshold, a sort or a
/// non-maximum suppression, which rounding can tip. So each row is compared with the row of the same object, not with
/// the row at the same place.
struct SealedDetections {
  std::vector<std::string> outputs;    ///< names
  std::vector<std::size_t> unsettled;  ///< sealed rows that some run at capture did not give: rounding decides them
  std::vector<HostTensor> others;  ///< rows that only other runs at capture gave, [M, …], in the order of `outputs`
  bool ordered = true;             ///< every run at capture gave the settled rows in the sealed order
};

/// The groups of outputs that hold detections by the names of the field: `boxes` (also `bboxes`, `pred_boxes`) of shape
/// [N, 4] or [N, 5] and `scores` [N] beside it, with everything beside those that has N rows. Names, in the outputs'
/// order; N is at least 1.
[[nodiscard]] std::vector<std::vector<std::string>> find_detections(std::span<const HostTensor> outputs);

/// Throws Error{usage} where `names` are not outputs of one number of rows, at least 1.
void require_detections(std::span<const std::string> names, std::span<const HostTensor> outputs);

}  // namespace goldseal::golden
