// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

#include <string_view>
#include <unordered_map>
#include <vector>

namespace goldseal::worker {

/// The arguments of a call by the names of the operator's schema; what the program leaves out is missing.
using NamedArguments = std::unordered_map<std::string_view, c10::IValue>;

/// An operator that LibTorch gained after 1.13, by operators that every version has.
struct Decomposition {
  const char* name;  ///< as the dispatcher would call it
  at::Tensor (*compute)(const NamedArguments& arguments);
  std::vector<std::string_view> arguments;  ///< that it knows
};

/// What stands for `torch.ops.aten.NAME.OVERLOAD` where LibTorch lacks it; null where nothing does. It gives what the
/// plain form of the operator gives, within rounding.
const Decomposition* find_decomposition(std::string_view target);

}  // namespace goldseal::worker
