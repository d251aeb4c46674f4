// SPDX-License-Identifier: Apache-2.0
// Two runs of a layer are compared by their sketches, since no activation is kept. The estimate
// stands in a header because both files of this room need it.
#pragma once

#include <goldseal/golden/layers/layers.hpp>

namespace goldseal::golden {

/// Estimate of the root mean square of the difference of two outputs of one shape; infinite where they are not finite
/// at equally many elements.
[[nodiscard]] double layer_error(const LayerSketch& one, const LayerSketch& other);

}  // namespace goldseal::golden
