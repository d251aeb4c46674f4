// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/golden/host_tensor.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace goldseal::golden {

/// What a network found, after it threw most candidates away: outputs of one number of rows, where row i of each tells
/// of one object. How many rows there are, and in which order, is decided by a threshold, a sort or a non-maximum
/// suppression, which rounding can tip. So rows are held against those that they belong to, not against those that
/// happen to stand at the same place.
struct SealedDetections {
  std::vector<std::string> outputs;    ///< names
  std::vector<std::size_t> unsettled;  ///< sealed rows that some run at capture did not give: rounding decides them
  std::vector<HostTensor> others;  ///< rows that only other runs at capture gave, [M, …], in the order of `outputs`
  bool ordered = true;             ///< every run at capture gave the settled rows in the sealed order
};

/// How far, in parts of a column's largest sealed value, two rows may be apart and still be the same object. Objects
/// that survive a suppression are further apart; how far a row strays from its own is for the lanes to judge.
inline constexpr double k_same_object = 1.0 / 16;

/// The groups of outputs that hold detections by the names of the field: `boxes` (also `bboxes`, `pred_boxes`) of shape
/// [N, 4] or [N, 5] and `scores` [N] beside it, with everything beside those that has N rows. Names, in the outputs'
/// order; N is at least 1.
[[nodiscard]] std::vector<std::vector<std::string>> find_detections(std::span<const HostTensor> outputs);

/// Throws Error{usage} where `names` are not outputs of one number of rows, at least 1.
void require_detections(std::span<const std::string> names, std::span<const HostTensor> outputs);

/// A run's rows beside the sealed ones.
struct AlignedDetections {
  std::vector<HostTensor> outputs;               ///< of the sealed shapes; NaN or 0 where the run has no such row
  std::vector<std::optional<std::size_t>> rows;  ///< for each sealed row, the run's
  std::vector<std::size_t> strangers;            ///< the run's rows that are none of the sealed ones, ascending
};

/// Pairs the rows, nearest first. Rows of different integers (outputs [N] of integers or bools: classes) are never
/// paired. `found` has the same names and may be of other floating types. Nothing where an output is missing or its
/// rows are of another shape.
[[nodiscard]] std::optional<AlignedDetections> align_detections(std::span<const HostTensor> sealed,
                                                                std::span<const HostTensor> found);

/// The outputs of these names, in the names' order; nothing where one is missing.
[[nodiscard]] std::optional<std::vector<HostTensor>> select(std::span<const HostTensor> outputs,
                                                            std::span<const std::string> names);

/// A copy whose rows of these numbers are NaN, or 0 for integers and bools.
[[nodiscard]] HostTensor without_rows(const HostTensor& tensor, std::span<const std::size_t> rows);
/// A copy of these rows alone.
[[nodiscard]] HostTensor only_rows(const HostTensor& tensor, std::span<const std::size_t> rows);

/// True where the paired rows that are not `left_out` stand in ascending order.
[[nodiscard]] bool in_order(const std::vector<std::optional<std::size_t>>& rows, std::span<const std::size_t> left_out);

/// A row for people: `boxes (12.1, 40.2, 88, 120.5), scores 0.713, labels 3`.
[[nodiscard]] std::string describe_row(std::span<const HostTensor> outputs, std::size_t row);

/// What a run's rows say beside the sealed ones.
struct DetectionVerdict {
  std::size_t sealed = 0;  ///< settled rows
  std::size_t unsettled = 0;
  std::size_t found = 0;
  std::vector<std::string> missing;  ///< settled rows that the run does not give (describe_row)
  std::vector<std::string> strange;  ///< rows that no run at capture gave
  bool out_of_order = false;

  [[nodiscard]] bool pass() const { return missing.empty() && strange.empty() && !out_of_order; }
};

/// `sealed` and `found` as for align_detections, whose result is `aligned`.
[[nodiscard]] DetectionVerdict judge_detections(const SealedDetections& detections, std::span<const HostTensor> sealed,
                                                std::span<const HostTensor> found, const AlignedDetections& aligned);

}  // namespace goldseal::golden
