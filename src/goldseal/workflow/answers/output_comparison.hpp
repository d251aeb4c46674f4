// SPDX-License-Identifier: Apache-2.0
// Live runs and saved results are judged alike, because both pass through this file. It compares
// every sealed output with every run and fills the observation. Pass or fail is decided by
// checks/golden.
#pragma once

#include <checks/observation.hpp>
#include <checks/policy.hpp>
#include <goldseal/golden/file/golden_file.hpp>
#include <goldseal/workflow/answers/saved_results.hpp>

#include <optional>
#include <string>
#include <vector>

namespace goldseal {

/// Compares each sealed output of a case with the machine's, in every run that was made. Outputs that the seal does not
/// have come last.
[[nodiscard]] std::vector<OutputObservation> compare_outputs(const golden::GoldenTensors& sealed,
                                                             const CaseResults& results);

/// For each group of detections of a case, what each run found beside the sealed objects.
[[nodiscard]] std::vector<DetectionObservation> compare_detections(const golden::GoldenTensors& sealed,
                                                                   const CaseResults& results);

/// A case on one device.
struct CaseOnDevice {
  std::string golden_case;
  std::optional<Device> device;  ///< as in OutputObservation

  [[nodiscard]] bool holds(const OutputObservation& output) const {
    return output.golden_case == golden_case && output.device == device;
  }
};

/// The run of a case that differs from the seal although the weights are the sealed ones: the float64 one if that one
/// differs, else the native one; nothing where neither does.
[[nodiscard]] std::optional<Compute> differing_run(const ModelRecord& sealed, const RunFindings& run,
                                                   const CaseOnDevice& where, const Policy& policy);

/// True where the native run differs under the policy and the float64 one agrees, or where there is none and the noise
/// is that of native runs: something of this machine is the cause, not the network.
[[nodiscard]] bool native_alone_differs(const RunFindings& run, const CaseOnDevice& where, const Policy& policy);

/// By how much a run exceeds what rounding can explain: the greatest severity of its outputs, over 1 where one fails.
[[nodiscard]] double worst_severity(const golden::GoldenTensors& sealed, const std::vector<HostTensor>& outputs,
                                    Compute run, const Policy& policy);

}  // namespace goldseal
