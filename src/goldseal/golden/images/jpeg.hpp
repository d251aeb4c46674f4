// SPDX-License-Identifier: Apache-2.0
// JPEG decoders differ by a few grey levels, so goldseal decodes with one fixed setting of libjpeg.
// Reports use the encoder for their thumbnails. Resizing and scaling belong to preprocess.hpp.
#pragma once

#include <goldseal/golden/images/picture.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace goldseal::golden {

/// True where `bytes` begins like a JPEG file.
[[nodiscard]] bool is_jpeg(std::span<const std::byte> bytes);

/// Decodes a JPEG by libjpeg with its exact integer transform and smooth chroma upsampling, which are the defaults of
/// PIL and OpenCV too; grey becomes RGB, the orientation tag is left alone. Other decoders may differ by a few grey
/// levels. Throws Error{malformed}, Error{unsupported} for CMYK.
[[nodiscard]] Picture decode_jpeg(const std::string& file, std::span<const std::byte> bytes);

/// The file of a picture of at least one pixel, for people to look at: lossy. `quality` is libjpeg's, 1 to 100.
[[nodiscard]] std::vector<std::uint8_t> encode_jpeg(const Picture& picture, int quality);

}  // namespace goldseal::golden
