// SPDX-License-Identifier: Apache-2.0
// The central directory is the archive's table of contents. This file parses it and refuses
// encrypted entries, links and unknown compression. Comparing it with the local headers is left to
// zip_local_headers.cpp.
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/zip/zip_layout.hpp>

#include <fmt/format.h>

namespace goldseal::zip {
namespace {

constexpr std::size_t k_directory_entry_size = 46;

void read_extra(Source& source, ByteReader& reader, std::size_t size, DirectoryEntry& entry) {
  const auto begin = reader.offset();
  ByteReader extra(source.file, reader.take(size), begin);
  auto& data = entry.entry;
  while (!extra.at_end()) {
    const auto id = extra.little<std::uint16_t>();
    const auto length = extra.little<std::uint16_t>();
    if (id != k_extra_zip64) {
      source.note_foreign(extra.offset(), "an extra field");
      (void)extra.take(length);
      continue;
    }
    if (entry.zip64) extra.fail("an entry of the zip archive has two zip64 blocks");
    entry.zip64 = true;
    ByteReader block(source.file, extra.take(length), extra.offset() - length);
    if (data.size == k_max32) data.size = block.little<std::uint64_t>();
    if (data.packed == k_max32) data.packed = block.little<std::uint64_t>();
    if (entry.header == k_max32) entry.header = block.little<std::uint64_t>();
    if (!block.at_end()) block.fail("the zip64 block of an entry is longer than its fields need");
  }
  if (!entry.zip64 && (data.size == k_max32 || data.packed == k_max32 || entry.header == k_max32)) {
    extra.fail("an entry of the zip archive needs a zip64 block and has none");
  }
}

DirectoryEntry read_entry(Source& source, ByteReader& reader) {
  const auto at = reader.offset();
  if (reader.little<std::uint32_t>() != k_directory_signature)
    source.fail(at, "expected an entry of the zip directory, found other bytes");
  DirectoryEntry result;
  auto& entry = result.entry;
  const auto made_by = reader.little<std::uint16_t>();
  result.version_needed = reader.little<std::uint16_t>();
  result.flags = reader.little<std::uint16_t>();
  result.method = reader.little<std::uint16_t>();
  result.time = reader.little<std::uint32_t>();
  entry.crc32 = reader.little<std::uint32_t>();
  entry.packed = reader.little<std::uint32_t>();
  entry.size = reader.little<std::uint32_t>();
  const auto name_size = reader.little<std::uint16_t>();
  const auto extra_size = reader.little<std::uint16_t>();
  const auto comment_size = reader.little<std::uint16_t>();
  const auto disk = reader.little<std::uint16_t>();
  const auto internal_attributes = reader.little<std::uint16_t>();
  const auto external_attributes = reader.little<std::uint32_t>();
  result.header = reader.little<std::uint32_t>();
  entry.name = reader.text(name_size);
  read_extra(source, reader, extra_size, result);
  if (comment_size != 0) source.fail(at, "an entry of the zip archive has a comment");
  if (disk != 0) source.fail(at, "the zip archive spans several disks");
  if ((result.flags & ~(k_flag_descriptor | k_flag_utf8)) != 0) {
    source.fail(at, fmt::format("flags {:#06x} of {}: encrypted or of a kind that no PyTorch reads", result.flags,
                                escape_unprintable(entry.name)));
  }
  if (result.method != k_method_stored && result.method != k_method_deflated) {
    source.fail(at, fmt::format("{} is compressed by method {}", escape_unprintable(entry.name), result.method),
                "unpack it and save it again with torch.save");
  }
  entry.deflated = result.method == k_method_deflated;
  if (!entry.deflated && entry.packed != entry.size) {
    source.fail(at, fmt::format("{} is stored in {} bytes, but has {}", escape_unprintable(entry.name), entry.packed,
                                entry.size));
  }
  const auto file_type = external_attributes >> 28;  // of a Unix mode: 8 a regular file, 4 a directory
  if (file_type != 0 && file_type != 8 && file_type != 4)
    source.fail(at, "an entry of the zip archive must be a regular file");
  const std::uint32_t expected = entry.deflated ? 20 : 0;
  const bool plain = made_by == 0 && result.version_needed == expected && result.time == 0 &&
                     internal_attributes == 0 && external_attributes == 0 && (result.flags & k_flag_utf8) != 0;
  if (!plain) source.note_foreign(at, "a time, version or attribute in the zip directory");
  return result;
}

}  // namespace

std::vector<DirectoryEntry> read_directory(Source& source, const Directory& directory) {
  if (directory.entries > directory.size / k_directory_entry_size)
    source.fail(directory.begin, "the zip directory is too short for its entries");
  const auto bytes = source.bytes.subspan(directory.begin, directory.size);
  ByteReader reader(source.file, bytes, directory.begin);
  std::vector<DirectoryEntry> entries;
  entries.reserve(directory.entries);
  for (std::uint64_t i = 0; i < directory.entries; ++i) entries.push_back(read_entry(source, reader));
  if (!reader.at_end()) reader.fail("bytes are left over after the last entry of the zip directory");
  return entries;
}

}  // namespace goldseal::zip
