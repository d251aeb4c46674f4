// SPDX-License-Identifier: Apache-2.0
// A zip archive is read from its end. This file finds the end records, 32-bit and 64-bit, and makes
// sure that they agree.
#include <goldseal/base/bytes/checked.hpp>
#include <goldseal/checkpoint/zip/zip_layout.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace goldseal::zip {
namespace {

constexpr std::size_t k_end_size = 22;
constexpr std::size_t k_zip64_locator_size = 20;
constexpr std::size_t k_zip64_end_size = 56;

Directory read_zip64_end(Source& source, const Directory& classic) {
  const auto end = source.bytes.size() - k_end_size;
  const auto total = k_zip64_locator_size + k_zip64_end_size;
  const auto has_locator =
      end >= total && source.reader_at(end - k_zip64_locator_size).little<std::uint32_t>() == k_zip64_locator_signature;
  if (!has_locator) {
    if (classic.entries == k_max16 || classic.size == k_max32 || classic.begin == k_max32) {
      source.fail(end, "the zip archive needs a zip64 end record and has none");
    }
    if (classic.begin + classic.size != end)
      source.fail(end, "the zip directory does not end where the end record begins");
    source.note_foreign(end, "an end record without its zip64 form");
    return classic;
  }
  auto locator = source.reader_at(end - k_zip64_locator_size + 4);
  const auto locator_disk = locator.little<std::uint32_t>();
  const auto zip64_end = locator.little<std::uint64_t>();
  const auto disks = locator.little<std::uint32_t>();
  if (locator_disk != 0 || disks != 1) source.fail(locator.offset(), "the zip archive spans several disks");
  if (zip64_end != end - total) source.fail(end, "the zip64 end record is not where its locator says");
  auto reader = source.reader_at(zip64_end);
  if (reader.little<std::uint32_t>() != k_zip64_end_signature)
    source.fail(zip64_end, "expected a zip64 end record, found other bytes");
  const auto record_size = reader.little<std::uint64_t>();
  const auto made_by = reader.little<std::uint16_t>();
  const auto needed = reader.little<std::uint16_t>();
  const auto disk = reader.little<std::uint32_t>();
  const auto first_disk = reader.little<std::uint32_t>();
  const auto entries_here = reader.little<std::uint64_t>();
  Directory directory;
  directory.entries = reader.little<std::uint64_t>();
  directory.size = reader.little<std::uint64_t>();
  directory.begin = reader.little<std::uint64_t>();
  if (record_size != k_zip64_end_size - 12 || disk != 0 || first_disk != 0 || entries_here != directory.entries) {
    source.fail(zip64_end, "the zip64 end record breaks its format");
  }
  if (made_by != 0x031e || needed != 45) source.note_foreign(zip64_end + 12, "a version number of another writer");
  const auto agrees = [](std::uint64_t narrow, std::uint64_t wide, std::uint64_t all_ones) {
    return narrow == wide || (narrow == all_ones && wide >= all_ones);
  };
  if (!agrees(classic.entries, directory.entries, k_max16) || !agrees(classic.size, directory.size, k_max32) ||
      !agrees(classic.begin, directory.begin, k_max32)) {
    source.fail(zip64_end, "the zip64 end record and the classic one disagree");
  }
  if (const auto directory_end = checked_add(directory.begin, directory.size); directory_end != zip64_end) {
    source.fail(zip64_end, "the zip directory does not end where the zip64 end record begins");
  }
  return directory;
}

}  // namespace

std::optional<std::size_t> find_end(std::span<const std::byte> bytes) {
  if (bytes.size() < k_end_size) return std::nullopt;
  const auto limit = std::min<std::size_t>(bytes.size(), k_end_size + k_max16);
  const auto tail = as_text(bytes.last(limit));
  const auto found = tail.rfind(std::string_view("PK\x05\x06", 4));
  if (found == std::string_view::npos || tail.size() - found < k_end_size) return std::nullopt;
  return bytes.size() - limit + found;
}

Directory read_end(Source& source) {
  const auto& bytes = source.bytes;
  const auto end = find_end(bytes);
  if (!end) {
    source.fail(bytes.size(), "the zip archive has no end record: the file was cut short",
                "copy or download the file again and compare its size with the original's");
  }
  auto reader = source.reader_at(*end + 4);
  const auto disk = reader.little<std::uint16_t>();
  const auto first_disk = reader.little<std::uint16_t>();
  const auto entries_here = reader.little<std::uint16_t>();
  Directory directory;
  directory.entries = reader.little<std::uint16_t>();
  directory.size = reader.little<std::uint32_t>();
  directory.begin = reader.little<std::uint32_t>();
  const auto comment = reader.little<std::uint16_t>();
  if (disk != 0 || first_disk != 0 || entries_here != directory.entries)
    source.fail(*end, "the zip archive spans several disks");
  if (*end + k_end_size != bytes.size() || comment != 0) {
    source.fail(*end + k_end_size,
                fmt::format("{} bytes follow the end of the zip archive", bytes.size() - *end - k_end_size),
                "something was appended to the file; take it from its source again");
  }
  directory = read_zip64_end(source, directory);
  if (!extent_fits(directory.begin, directory.size, *end)) source.fail(*end, "the zip directory lies outside the file");
  return directory;
}

}  // namespace goldseal::zip
