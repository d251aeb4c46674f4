// SPDX-License-Identifier: Apache-2.0
// JPEG: segments `FF marker, length (2, big-endian, itself included), body` up to the scan; EXIF is a segment E1 that
// begins `Exif\0\0`. PNG: chunks `length (4, big-endian), type (4), body, CRC (4)`; EXIF is the body of eXIf. EXIF is a
// TIFF file: `II` or `MM` for the order of bytes, 42, the place of the first directory; a directory is a count (2) and
// entries `tag (2), type (2), count (4), value (4)`.
#include <goldseal/golden/images/orientation.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace goldseal::golden {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::size_t k_entry = 12;
constexpr std::uint16_t k_tag = 0x0112;
constexpr std::uint16_t k_short = 3;

bool begins(Bytes bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

/// Nothing beyond the end.
std::optional<std::uint32_t> number(Bytes bytes, std::size_t at, std::size_t size, bool little) {
  if (at > bytes.size() || size > bytes.size() - at) return std::nullopt;
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const auto byte = bytes[at + (little ? size - 1 - i : i)];
    value = value << 8U | std::to_integer<std::uint32_t>(byte);
  }
  return value;
}

Orientation from_tiff(Bytes tiff) {
  const bool little = begins(tiff, "II");
  if (!little && !begins(tiff, "MM")) return k_as_stored;
  const auto directory = number(tiff, 4, 4, little);
  const auto count = directory ? number(tiff, *directory, 2, little) : std::nullopt;
  for (std::uint32_t i = 0; i < count.value_or(0); ++i) {
    const auto at = std::size_t{*directory} + 2 + i * k_entry;
    const auto tag = number(tiff, at, 2, little);
    if (!tag) return k_as_stored;
    if (*tag != k_tag) continue;
    const auto value = number(tiff, at + 8, 2, little);
    const bool known = number(tiff, at + 2, 2, little) == k_short && value && *value >= 1 && *value <= 8;
    return known ? static_cast<Orientation>(*value) : k_as_stored;
  }
  return k_as_stored;
}

Orientation from_jpeg(Bytes file) {
  constexpr std::uint32_t k_exif = 0xE1;
  constexpr std::uint32_t k_scan = 0xDA;
  for (std::size_t at = 2; number(file, at, 1, false) == 0xFFU;) {
    const auto marker = number(file, at + 1, 1, false);
    if (marker == 0xFFU) {  // a byte of filling
      ++at;
      continue;
    }
    const auto length = number(file, at + 2, 2, false);
    if (!marker || !length || *length < 2 || *marker == k_scan || *length > file.size() - at - 2) return k_as_stored;
    const auto body = file.subspan(at + 4, *length - 2);
    constexpr std::string_view k_lead{"Exif\0\0", 6};
    if (*marker == k_exif && begins(body, k_lead)) return from_tiff(body.subspan(k_lead.size()));
    at += 2 + *length;
  }
  return k_as_stored;
}

Orientation from_png(Bytes file) {
  for (std::size_t at = 8;;) {
    const auto length = number(file, at, 4, false);
    if (!length || at + 8 > file.size() || *length > file.size() - at - 8) return k_as_stored;
    const auto type = file.subspan(at + 4, 4);
    if (begins(type, "eXIf")) return from_tiff(file.subspan(at + 8, *length));
    if (begins(type, "IEND")) return k_as_stored;
    at += std::size_t{*length} + 12;
  }
}

}  // namespace

Orientation orientation_of(Bytes file) {
  if (begins(file, "\xFF\xD8")) return from_jpeg(file);
  if (begins(file, "\x89PNG\r\n\x1A\n")) return from_png(file);
  return k_as_stored;
}

std::string describe(Orientation orientation) {
  constexpr std::array<std::string_view, 8> k_words{"as stored",
                                                    "mirrored left to right",
                                                    "turned by 180°",
                                                    "mirrored top to bottom",
                                                    "rows and columns exchanged",
                                                    "turned by 90° clockwise",
                                                    "rows and columns exchanged, and turned by 180°",
                                                    "turned by 90° counter-clockwise"};
  const auto index = static_cast<std::size_t>(std::clamp(orientation, 1, 8)) - 1;
  return fmt::format("{}: {}", orientation, k_words[index]);
}

Picture oriented(const Picture& picture, Orientation orientation) {
  const bool swapped = swaps_sides(orientation);
  Picture result{swapped ? picture.height : picture.width, swapped ? picture.width : picture.height, {}};
  result.pixels.resize(picture.pixels.size());
  for (std::size_t y = 0; y < result.height; ++y) {
    for (std::size_t x = 0; x < result.width; ++x) {
      const auto stored = stored_place(orientation, {y, x}, picture.height, picture.width);
      std::copy_n(picture.pixels.begin() + static_cast<std::ptrdiff_t>((stored.y * picture.width + stored.x) * 3), 3,
                  result.pixels.begin() + static_cast<std::ptrdiff_t>((y * result.width + x) * 3));
    }
  }
  return result;
}

}  // namespace goldseal::golden
