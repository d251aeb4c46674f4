// SPDX-License-Identifier: Apache-2.0
#include <goldseal/golden/images/picture_limits.hpp>

#include <goldseal/base/messages/error.hpp>

#include <fmt/format.h>

namespace goldseal::golden {
namespace {

constexpr std::uint64_t k_most_pixels = 1ULL << 28U;  // 768 MiB of RGB; the largest cameras take 2^28

}  // namespace

void require_picture_fits(const std::string& file, std::uint32_t width, std::uint32_t height, std::uint64_t packed,
                          std::size_t file_size) {
  if (std::uint64_t{width} * height > k_most_pixels)
    throw Error(ErrorKind::malformed, file,
                fmt::format("expected a picture of at most {} pixels, found {} x {}", k_most_pixels, width, height),
                "save a smaller picture");
  if (packed > file_size)
    throw Error(ErrorKind::malformed, file,
                fmt::format("expected a file of at least {} bytes for {} x {} pixels, found {}", packed, width, height,
                            file_size),
                "take the picture from its source again");
}

}  // namespace goldseal::golden
