// SPDX-License-Identifier: Apache-2.0
// A random input must be the same on every machine, which the C++ distributions are not. This file
// draws values from a standard generator by fixed formulas.
#pragma once

#include <goldseal/golden/inputs/input.hpp>

namespace goldseal::golden {

/// float32, or int64 for Kind::integer.
[[nodiscard]] HostTensor make_random(const RandomSource& source);

}  // namespace goldseal::golden
