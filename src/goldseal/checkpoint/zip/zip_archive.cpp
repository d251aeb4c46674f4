// SPDX-License-Identifier: Apache-2.0
// Readers of formats ask an opened archive for a record by name. This file finds the record,
// unpacks it and holds it to its checksum. Opening is left to zip.cpp.
#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/bytes/crc32.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/zip/zip.hpp>

#include <fmt/format.h>
#include <zlib.h>

#include <utility>

namespace goldseal {
namespace {

// An unpacked entry is held in memory. TorchScript's code and debug tables shrink to about a tenth.
constexpr std::uint64_t k_unpack_limit = 256ULL << 20;
constexpr std::uint64_t k_unpack_ratio = 1032;  // the most that deflate can reach

}  // namespace

const ZipEntry* ZipArchive::find(std::string_view name) const {
  const auto full = root.empty() ? std::string(name) : fmt::format("{}/{}", root, name);
  const auto found = by_name.find(full);
  return found == by_name.end() ? nullptr : &entries[found->second];
}

std::span<const std::byte> ZipArchive::stored(const ZipEntry& entry) const {
  if (entry.deflated) {
    throw Error(
        ErrorKind::unsupported, at_byte(file, entry.begin),
        fmt::format("{} is compressed; PyTorch stores it as it is", escape_unprintable(entry.name)),
        "the archive was packed again by another tool: load it where it loads and save it again with torch.save");
  }
  return bytes.subspan(entry.begin, entry.size);
}

void ZipArchive::verify(const ZipEntry& entry) const {
  if (!has_checksums) return;
  if (const auto found = crc32(stored(entry)); found != entry.crc32) {
    throw checksum_error(at_byte(file, entry.begin), entry.name, entry.crc32, found);
  }
}

std::string ZipArchive::unpack(const ZipEntry& entry) const {
  if (!entry.deflated) {
    verify(entry);
    return std::string(as_text(stored(entry)));
  }
  const auto fail = [&](std::string message) {
    throw Error(ErrorKind::malformed, at_byte(file, entry.begin), std::move(message));
  };
  if (entry.size > k_unpack_limit || entry.packed > k_unpack_limit || entry.size / k_unpack_ratio > entry.packed) {
    fail(fmt::format("{} claims to unpack from {} to {} bytes", escape_unprintable(entry.name), entry.packed,
                     entry.size));
  }
  std::string result(entry.size, '\0');
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw Error(ErrorKind::io, file, "zlib cannot start");
  // zlib's interface predates const.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data() + entry.begin));
  stream.avail_in = static_cast<uInt>(entry.packed);
  stream.next_out = reinterpret_cast<Bytef*>(result.data());
  stream.avail_out = static_cast<uInt>(result.size());
  const int status = inflate(&stream, Z_FINISH);
  const bool whole = status == Z_STREAM_END && stream.avail_in == 0 && stream.avail_out == 0;
  inflateEnd(&stream);
  if (!whole) fail(fmt::format("{} does not unpack to its {} bytes", escape_unprintable(entry.name), entry.size));
  if (const auto found = crc32(as_bytes(result)); has_checksums && found != entry.crc32) {
    throw checksum_error(at_byte(file, entry.begin), entry.name, entry.crc32, found);
  }
  return result;
}

}  // namespace goldseal
