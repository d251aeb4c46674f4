// SPDX-License-Identifier: Apache-2.0
// A local header that contradicts the directory makes two readers see two files. This file compares
// each header with its directory entry. It also makes sure that entries fill the file without a
// gap.
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/zip/zip_layout.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace goldseal::zip {
namespace {

/// miniz writes the header before it has packed the data, and leaves the packed size 0.
void check_sizes(ByteReader& block, const ZipEntry& data) {
  const auto size = block.little<std::uint64_t>();
  const auto packed = block.little<std::uint64_t>();
  if (size != data.size || (packed != data.packed && packed != 0)) {
    block.fail("the zip64 sizes of a local header differ from the directory's");
  }
}

void check_extra(Source& source, ByteReader& reader, std::size_t size, const DirectoryEntry& entry) {
  const auto begin = reader.offset();
  ByteReader extra(source.file, reader.take(size), begin);
  while (!extra.at_end()) {
    const auto id = extra.little<std::uint16_t>();
    const auto length = extra.little<std::uint16_t>();
    const auto at = extra.offset();
    const auto content = extra.take(length);
    if (id == k_extra_padding) {
      if (as_text(content).find_first_not_of('Z') != std::string_view::npos)
        source.fail(at, "the padding before an entry is damaged");
    } else if (id == k_extra_zip64) {
      const auto& data = entry.entry;
      ByteReader block(source.file, content, at);
      if (data.size >= k_max32 || length >= 16) check_sizes(block, data);
      if (!block.at_end() && block.little<std::uint64_t>() != entry.header) {
        source.fail(at, "the zip64 offset of a local header differs from the directory's");
      }
      if (!block.at_end()) source.fail(at, "the zip64 block of a local header is too long");
    } else {
      source.note_foreign(at, "an extra field");
    }
  }
}

void check_descriptor(const Source& source, ByteReader& reader, const DirectoryEntry& entry) {
  const auto at = reader.offset();
  const auto& data = entry.entry;
  const bool wide = data.size >= k_max32 || data.packed >= k_max32 || entry.header >= k_max32;
  const auto signature = reader.little<std::uint32_t>();
  const auto crc = reader.little<std::uint32_t>();
  const std::uint64_t packed = wide ? reader.little<std::uint64_t>() : reader.little<std::uint32_t>();
  const std::uint64_t size = wide ? reader.little<std::uint64_t>() : reader.little<std::uint32_t>();
  if (signature != k_descriptor_signature || crc != data.crc32 || packed != data.packed || size != data.size) {
    source.fail(at,
                fmt::format("the data descriptor of {} differs from the zip directory", escape_unprintable(data.name)));
  }
}

/// Returns where the entry's data begins.
std::uint64_t check_local(Source& source, ByteReader& reader, const DirectoryEntry& entry) {
  const auto at = reader.offset();
  const auto& data = entry.entry;
  if (reader.little<std::uint32_t>() != k_local_signature)
    source.fail(at, "expected a local header, found other bytes");
  const auto version_needed = reader.little<std::uint16_t>();
  const auto flags = reader.little<std::uint16_t>();
  const auto method = reader.little<std::uint16_t>();
  const auto time = reader.little<std::uint32_t>();
  const auto crc = reader.little<std::uint32_t>();
  const auto packed = reader.little<std::uint32_t>();
  const auto size = reader.little<std::uint32_t>();
  const auto name_size = reader.little<std::uint16_t>();
  const auto extra_size = reader.little<std::uint16_t>();
  const auto name = reader.text(name_size);
  if (name != data.name || flags != entry.flags || method != entry.method || time != entry.time ||
      version_needed != entry.version_needed) {
    source.fail(at,
                fmt::format("the local header of {} differs from the zip directory's", escape_unprintable(data.name)));
  }
  const bool described = (flags & k_flag_descriptor) != 0;
  const auto narrow = [](std::uint64_t value) {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(value, k_max32));
  };
  const bool blank = described && crc == 0 && packed == 0 && size == 0;
  // numpy forces the zip64 form on entries of any size.
  const auto agrees = [&](std::uint32_t field, std::uint64_t value) {
    return field == narrow(value) || field == k_max32;
  };
  const bool filled = crc == data.crc32 && agrees(packed, data.packed) && agrees(size, data.size);
  if (!blank && !filled) {
    source.fail(at, fmt::format("checksum or size of {} differ between its local header and the zip directory",
                                escape_unprintable(data.name)));
  }
  check_extra(source, reader, extra_size, entry);
  const auto begin = reader.offset();
  (void)reader.take(data.packed);
  if (described) check_descriptor(source, reader, entry);
  return begin;
}

}  // namespace

std::vector<ZipEntry> check_local_headers(Source& source, const std::vector<DirectoryEntry>& directory,
                                          std::uint64_t directory_begin) {
  ByteReader reader(source.file, source.bytes.first(directory_begin));
  std::vector<ZipEntry> entries;
  entries.reserve(directory.size());
  for (const auto& entry : directory) {
    if (entry.header != reader.offset()) {
      source.fail(reader.offset(), fmt::format("the entries do not tile the file: {} begins at byte {}",
                                               escape_unprintable(entry.entry.name), entry.header));
    }
    entries.push_back(entry.entry);
    entries.back().begin = check_local(source, reader, entry);
  }
  if (!reader.at_end()) reader.fail("bytes of the zip archive belong to no entry");
  return entries;
}

}  // namespace goldseal::zip
