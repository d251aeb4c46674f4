// SPDX-License-Identifier: Apache-2.0
// Every comparison of a run with a seal needs the detections in sealed order first. AlignedRun
// brings a run's outputs into that order once, for all comparisons. Pairing itself is left to
// golden/detections.
#pragma once

#include <goldseal/golden/file/golden_file.hpp>
#include <goldseal/golden/tensors/host_tensor.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal {

/// The sealed native rows of a group of detections, in the order of its outputs.
[[nodiscard]] std::vector<HostTensor> sealed_rows(const golden::GoldenTensors& sealed,
                                                  const golden::SealedDetections& detections);

/// A run with its detections where the sealed ones stand, and the sealed outputs as far as they bind this run: rows
/// that rounding decides take no part. Missing rows take no part either: golden.detections reports them.
class AlignedRun {
 public:
  AlignedRun(const golden::GoldenTensors& sealed, std::vector<HostTensor> outputs);

  /// Null where the run does not have it. Of detections: of the sealed shape, with NaN or 0 in the rows left out.
  [[nodiscard]] const HostTensor* find(std::string_view name) const;
  /// `sealed` with the same rows left out.
  [[nodiscard]] golden::GoldenOutput binding(const golden::GoldenOutput& sealed) const;

 private:
  void align(const golden::GoldenTensors& sealed, const golden::SealedDetections& detections);

  std::vector<HostTensor> m_outputs;
  std::map<std::string, std::vector<std::size_t>, std::less<>> m_left_out;
};

}  // namespace goldseal
