// SPDX-License-Identifier: Apache-2.0
// The header of a picture can promise more pixels than memory holds. This file refuses such a
// picture before any memory is taken. Both decoders call it first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace goldseal::golden {

/// Before memory is taken for a picture: refuses one of more than 2^28 pixels, and one whose file is too small to hold
/// what its header promises. `packed` is the least number of bytes of the file that `pixels` pixels can take.
/// Throws Error{malformed} that names the file.
void require_picture_fits(const std::string& file, std::uint32_t width, std::uint32_t height, std::uint64_t packed,
                          std::size_t file_size);

}  // namespace goldseal::golden
