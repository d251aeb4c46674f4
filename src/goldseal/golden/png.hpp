// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace goldseal::golden {

/// A picture of 8-bit RGB pixels, row by row from the top, three bytes a pixel.
struct Picture {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::vector<std::uint8_t> pixels;
};

/// True where `bytes` begins like a PNG file.
[[nodiscard]] bool is_png(std::span<const std::byte> bytes);

/// Decodes a PNG by libpng. Palettes and grey become RGB, of 16 bits the upper 8 stay, alpha is dropped, colour
/// profiles and gamma are left alone: what PIL's convert("RGB") and OpenCV's imread give. Throws Error{malformed}.
[[nodiscard]] Picture decode_png(const std::string& file, std::span<const std::byte> bytes);

}  // namespace goldseal::golden
