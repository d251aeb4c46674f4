// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/ivalue.h>

#include <string_view>
#include <vector>

namespace goldseal::worker {

/// What torch.export writes for Python's arithmetic on sizes: whole numbers, real ones and truth values in, one out.
using SymbolicOperator = c10::IValue (*)(const std::vector<c10::IValue>& arguments);

/// The operator of a node's target (`_operator.mul`, `torch.sym_max`, `math.ceil`); null for one that is not known.
SymbolicOperator find_symbolic_operator(std::string_view target);

}  // namespace goldseal::worker
