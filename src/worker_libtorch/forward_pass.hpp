// SPDX-License-Identifier: Apache-2.0
// A forward pass as a request asks for it: with the weights as they are, or in float64 throughout.
#pragma once

#include "networks/network.hpp"
#include "numerics/float64_run.hpp"
#include "pass_request.hpp"

#include <functional>

namespace goldseal::worker {

/// Converted first and laid out last, so that every layout computes with the same values.
NamedTensors prepare_inputs(NamedTensors inputs, const Transform& transform, bool channels_last);

/// `begin` is called before each run that it takes; `transform` is what the weights are converted by.
NamedTensors run_native(Network& network, const Pass& pass, const Transform& transform, const LayerTap& tap,
                        const std::function<void()>& begin);

/// The same by the rules of numerics/float64_run.hpp.
NamedTensors run_float64(Network& network, Float64Runs& runs, const Pass& pass, const Transform& transform,
                         const LayerTap& tap, const std::function<void()>& begin);

}  // namespace goldseal::worker
