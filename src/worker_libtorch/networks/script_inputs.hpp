// SPDX-License-Identifier: Apache-2.0
// What an archive's forward() takes, and named tensors as its arguments.
#pragma once

#include "networks/network.hpp"

#include <ATen/core/function_schema.h>
#include <ATen/core/ivalue.h>

#include <vector>

namespace goldseal::worker {

/// The arguments of `forward` that are tensors whatever is given, in its order, without the module itself.
std::vector<InputSpec> tensor_inputs(const c10::FunctionSchema& forward);

/// The arguments of a call, without the module itself. Throws Refusal: `usage` for an input that is missing or unknown,
/// `unsupported` where forward() needs what is no tensor.
std::vector<c10::IValue> arguments_of(const c10::FunctionSchema& forward, NamedTensors inputs);

}  // namespace goldseal::worker
