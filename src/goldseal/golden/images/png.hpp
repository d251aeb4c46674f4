// SPDX-License-Identifier: Apache-2.0
// A PNG decodes to the same pixels everywhere, once the treatment of alpha, palettes and 16 bits is
// settled. This file settles it as PIL and OpenCV do. Resizing and scaling belong to
// preprocess.hpp.
#pragma once

#include <goldseal/golden/images/picture.hpp>

#include <cstddef>
#include <span>
#include <string>

namespace goldseal::golden {

/// True where `bytes` begins like a PNG file.
[[nodiscard]] bool is_png(std::span<const std::byte> bytes);

/// Decodes a PNG by libpng. Palettes and grey become RGB, of 16 bits the upper 8 stay, alpha is dropped, colour
/// profiles and gamma are left alone: what PIL's convert("RGB") and OpenCV's imread give. Throws Error{malformed}.
[[nodiscard]] Picture decode_png(const std::string& file, std::span<const std::byte> bytes);

}  // namespace goldseal::golden
