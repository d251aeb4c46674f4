// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/golden/picture.hpp>

#include <cstddef>
#include <span>
#include <string>

namespace goldseal::golden {

/// True where `bytes` begins like a JPEG file.
[[nodiscard]] bool is_jpeg(std::span<const std::byte> bytes);

/// Decodes a JPEG by libjpeg with its exact integer transform and smooth chroma upsampling, which are the defaults of
/// PIL and OpenCV too; grey becomes RGB, the orientation tag is left alone. Other decoders may differ by a few grey
/// levels. Throws Error{malformed}, Error{unsupported} for CMYK.
[[nodiscard]] Picture decode_jpeg(const std::string& file, std::span<const std::byte> bytes);

}  // namespace goldseal::golden
