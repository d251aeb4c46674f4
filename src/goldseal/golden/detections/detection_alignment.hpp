// SPDX-License-Identifier: Apache-2.0
// Rounding can drop, add or reorder detected objects, so row i here need not be row i there.
// Alignment pairs each row with the sealed row of the same object. Whether paired values agree is
// left to the comparison of ordinary outputs.
#pragma once

#include <goldseal/golden/tensors/host_tensor.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace goldseal::golden {

/// A run's rows beside the sealed ones.
struct AlignedDetections {
  std::vector<HostTensor> outputs;               ///< of the sealed shapes; NaN or 0 where the run lacks the row
  std::vector<std::optional<std::size_t>> rows;  ///< for each sealed row, the run's
  std::vector<std::size_t> strangers;            ///< the run's rows without a sealed partner, ascending
};

/// Pairs the rows, nearest first. Rows of different integers (outputs [N] of integers or bools: classes) are never
/// paired. `found` has the same names and may be of other floating types. Nothing where an output is missing or its
/// rows are of another shape.
[[nodiscard]] std::optional<AlignedDetections> align_detections(std::span<const HostTensor> sealed,
                                                                std::span<const HostTensor> found);

/// True where the paired rows that are not `left_out` stand in ascending order.
[[nodiscard]] bool in_order(const std::vector<std::optional<std::size_t>>& rows, std::span<const std::size_t> left_out);

}  // namespace goldseal::golden
