// SPDX-License-Identifier: Apache-2.0
// Cameras store pictures turned and note it in EXIF, which only some decoders apply. This file
// reads that note and turns pictures. Whether a turn explains an input is decided in
// turned_drift.cpp.
#pragma once

#include <goldseal/golden/images/picture.hpp>

#include <cstddef>
#include <span>
#include <string>

namespace goldseal::golden {

/// How the rows and columns of a picture are to be shown, as EXIF numbers it (tag 0x0112, "Orientation", of Exif 2.3).
/// 1 is as it is stored; the others turn or mirror it. OpenCV's imread applies it, PIL and torchvision do not.
using Orientation = int;

inline constexpr Orientation k_as_stored = 1;

/// What the file of a JPEG or a PNG (eXIf) states; as stored where it states nothing, or no number from 1 to 8.
[[nodiscard]] Orientation orientation_of(std::span<const std::byte> file);

/// `6: turned by 90° clockwise`
[[nodiscard]] std::string describe(Orientation orientation);

/// Whether it makes rows of columns.
[[nodiscard]] constexpr bool swaps_sides(Orientation orientation) { return orientation >= 5; }

/// A place in a picture.
struct Place {
  std::size_t y = 0;
  std::size_t x = 0;
};

/// Where the pixel that is shown at `shown` is stored in a picture of `height` rows and `width` columns.
[[nodiscard]] constexpr Place stored_place(Orientation orientation, Place shown, std::size_t height,
                                           std::size_t width) {
  const auto [y, x] = shown;
  switch (orientation) {
    case 2:
      return {y, width - 1 - x};
    case 3:
      return {height - 1 - y, width - 1 - x};
    case 4:
      return {height - 1 - y, x};
    case 5:
      return {x, y};
    case 6:
      return {height - 1 - x, y};
    case 7:
      return {height - 1 - x, width - 1 - y};
    case 8:
      return {x, width - 1 - y};
    default:
      return shown;
  }
}

/// The picture as it is to be shown.
[[nodiscard]] Picture oriented(const Picture& picture, Orientation orientation);

}  // namespace goldseal::golden
