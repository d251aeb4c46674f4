// SPDX-License-Identifier: Apache-2.0
// PIL, OpenCV and PyTorch resize by different kernels, and a network notices. This file computes
// each of those kernels, as their libraries define them. preprocess.hpp names them and chooses.
#pragma once

#include <goldseal/golden/images/picture.hpp>
#include <goldseal/golden/images/preprocess.hpp>

namespace goldseal::golden {

/// A picture of another size; pixel centres lie at halves, edges are repeated (without antialias) or the kernel is cut
/// and normalised (with it). Each pass is computed in double, the result is rounded to the nearest level.
[[nodiscard]] Picture resized(const Picture& picture, std::uint32_t width, std::uint32_t height,
                              Preprocessing::Resize resize);

}  // namespace goldseal::golden
