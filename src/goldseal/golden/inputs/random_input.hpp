// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/golden/inputs/input.hpp>

namespace goldseal::golden {

/// float32, or int64 for Kind::integer.
[[nodiscard]] HostTensor make_random(const RandomSource& source);

}  // namespace goldseal::golden
