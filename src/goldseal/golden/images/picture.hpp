// SPDX-License-Identifier: Apache-2.0
// Decoders, resizing and thumbnails pass pictures to each other in one form: 8-bit RGB rows.
// Network inputs are tensors (host_tensor.hpp), never this.
#pragma once

#include <cstdint>
#include <vector>

namespace goldseal::golden {

/// A picture of 8-bit RGB pixels, row by row from the top, three bytes a pixel.
struct Picture {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::vector<std::uint8_t> pixels;
  int orientation = 1;  ///< that its file states (orientation.hpp); it was not applied to the pixels
};

}  // namespace goldseal::golden
