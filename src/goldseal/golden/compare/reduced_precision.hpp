// SPDX-License-Identifier: Apache-2.0
// A float64 run is exact only where no operator converts to a narrower dtype on the way. The two
// functions tell which operators of a run do. Workers report operators and dtypes. What a narrow
// operator means for a seal is decided in workflow.
#pragma once

#include <goldseal/base/kinds/dtype.hpp>

#include <string_view>

namespace goldseal::golden {

/// Whether an operator of a float64 run whose result is of type `result` rounds to that narrower type: the network's
/// own code asked for it (a norm computed in float32), and two machines differ there by float32's rounding, however
/// exact all around it is. A simulated quantization (`fake_quantize_…`) counts in every type. Operators that write
/// constants or move elements round nothing and do not count.
[[nodiscard]] bool rounds_narrower(std::string_view op, DType result);

/// Whether an operator rounds at all: it writes down no constant and moves no elements.
[[nodiscard]] bool computes(std::string_view op);

}  // namespace goldseal::golden
