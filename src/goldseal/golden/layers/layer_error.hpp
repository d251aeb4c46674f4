// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/golden/layers/layers.hpp>

namespace goldseal::golden {

/// Estimate of the root mean square of the difference of two outputs of one shape; infinite where they are not finite
/// at equally many elements.
[[nodiscard]] double layer_error(const LayerSketch& one, const LayerSketch& other);

}  // namespace goldseal::golden
