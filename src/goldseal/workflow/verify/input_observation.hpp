// SPDX-License-Identifier: Apache-2.0
// A model can be sound while the target feeds it other inputs. This file makes the inputs as the
// target does and compares them with the sealed ones. golden/images names the difference. A check
// judges it.
#pragma once

#include <checks/observation.hpp>
#include <goldseal/golden/file/golden_file.hpp>
#include <goldseal/golden/inputs/input.hpp>
#include <goldseal/workflow/verify/run_evidence.hpp>

#include <span>
#include <vector>

namespace goldseal {

/// The inputs that this machine made, compared with the sealed ones, and the pictures among them.
struct InputFindings {
  std::vector<InputObservation> inputs;
  std::vector<Picture> pictures;
};

/// Holds each input that this machine made against the sealed one, and shows the sealed inputs that are pictures: the
/// picture's file, what the network was given of it, and what was made here. Throws Error{usage} for an input that no
/// case has.
[[nodiscard]] InputFindings observe_inputs(std::span<const golden::InputSpec> made,
                                           const std::vector<golden::GoldenTensors>& cases, const Manifest& sealed);

}  // namespace goldseal
