// SPDX-License-Identifier: Apache-2.0
// After alignment one question is left: which objects a machine finds, and in which order. This
// file answers it, and describes a row for people. The values of the boxes and scores are judged as
// ordinary outputs.
#pragma once

#include <goldseal/golden/detections/detection_alignment.hpp>
#include <goldseal/golden/detections/detections.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace goldseal::golden {

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
