// SPDX-License-Identifier: Apache-2.0
// Zip as PyTorch writes it (APPNOTE.TXT 6.3.10 gives the format; caffe2/serialize/inline_container.cc and its miniz
// 2.0.8 give the choices):
//
//   (local header, name, extra, data, descriptor)*  directory entry*  zip64 end, zip64 locator, end
//
//   - Flags 0x0808 (data descriptor, UTF-8), or 0x0800 without a descriptor where the entry is empty.
//   - Local CRC and sizes are 0 where a descriptor follows. The descriptor has a signature; its sizes take 8 bytes each
//     where a size or the entry's offset does not fit in 32 bits, else 4.
//   - The local extra field holds a zip64 block (sizes, or the offset) where needed, then `FB`, filled with `Z`, so
//     that data begins at a multiple of 64.
//   - Times, version made by and attributes are 0; version needed is 20 for deflated entries, else 0.
//   - The zip64 end record and its locator are always there.
//
// Every byte outside the entries' data is compared with this, so that a change anywhere is refused or noted.
#include <goldseal/checkpoint/zip.hpp>

#include <goldseal/base/byte_reader.hpp>
#include <goldseal/base/checked.hpp>
#include <goldseal/base/error.hpp>
#include <goldseal/base/text.hpp>
#include <goldseal/checkpoint/crc32.hpp>

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <limits>
#include <unordered_set>
#include <utility>

namespace goldseal {
namespace {

constexpr std::uint32_t k_local_signature = 0x04034b50;
constexpr std::uint32_t k_directory_signature = 0x02014b50;
constexpr std::uint32_t k_descriptor_signature = 0x08074b50;
constexpr std::uint32_t k_zip64_end_signature = 0x06064b50;
constexpr std::uint32_t k_zip64_locator_signature = 0x07064b50;
constexpr std::size_t k_end_size = 22;
constexpr std::size_t k_zip64_locator_size = 20;
constexpr std::size_t k_zip64_end_size = 56;
constexpr std::size_t k_directory_entry_size = 46;
constexpr std::uint16_t k_flag_descriptor = 0x0008;
constexpr std::uint16_t k_flag_utf8 = 0x0800;
constexpr std::uint16_t k_method_stored = 0;
constexpr std::uint16_t k_method_deflated = 8;
constexpr std::uint16_t k_extra_zip64 = 0x0001;
constexpr std::uint16_t k_extra_padding = 0x4246;  // `FB`
constexpr std::uint32_t k_max32 = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint16_t k_max16 = std::numeric_limits<std::uint16_t>::max();
// An unpacked entry is held in memory. TorchScript's code and debug tables shrink to about a tenth.
constexpr std::uint64_t k_unpack_limit = 256ULL << 20;
constexpr std::uint64_t k_unpack_ratio = 1032;  // the most that deflate can reach

/// Where the directory lies.
struct Directory {
  std::uint64_t entries = 0;
  std::uint64_t size = 0;
  std::uint64_t begin = 0;
};

/// A directory entry with what only the check against the local header needs.
struct DirectoryEntry {
  ZipEntry entry;
  std::uint16_t flags = 0;
  std::uint16_t method = 0;
  std::uint16_t version_needed = 0;
  std::uint32_t time = 0;
  std::uint64_t header = 0;
  bool zip64 = false;
};

/// What a zip64 block gives; the fields come in this order, each only where its 32-bit form is all ones.
struct Zip64Values {
  std::uint64_t size = 0;
  std::uint64_t packed = 0;
  std::uint64_t header = 0;
};

class ZipReader {
 public:
  ZipReader(std::string file, std::span<const std::byte> bytes) {
    m_archive.file = std::move(file);
    m_archive.bytes = bytes;
  }

  ZipArchive read() {
    const auto directory = read_end();
    read_directory(directory);
    check_locals(directory.begin);
    check_names();
    note_missing_checksums();
    return std::move(m_archive);
  }

 private:
  Directory read_end();
  Directory read_zip64_end(const Directory& classic);
  void read_directory(const Directory& directory);
  DirectoryEntry read_directory_entry(ByteReader& reader);
  void read_directory_extra(ByteReader& reader, std::size_t size, DirectoryEntry& entry);
  void check_locals(std::uint64_t directory_begin);
  void check_local(ByteReader& reader, DirectoryEntry& entry);
  void check_local_extra(ByteReader& reader, std::size_t size, const DirectoryEntry& entry);
  void check_local_sizes(ByteReader& block, const ZipEntry& data);
  void check_descriptor(ByteReader& reader, const DirectoryEntry& entry);
  void check_names();
  void check_name(std::string_view name);
  void note_missing_checksums();

  ByteReader reader_at(std::uint64_t position) const {
    ByteReader reader(m_archive.file, m_archive.bytes);
    reader.seek(position);
    return reader;
  }
  void note(std::string_view rule, std::string message) {
    // One of a kind is enough: an archive that another tool wrote breaks the same rule in every entry.
    const auto same = [&](const Note& known) { return known.rule == rule; };
    if (std::ranges::none_of(m_archive.notes, same)) m_archive.notes.push_back({std::string(rule), std::move(message)});
  }
  void note_foreign(std::uint64_t offset, std::string_view what) {
    note("zip.foreign-writer", fmt::format("{} at byte {}: PyTorch writes no such thing; another tool wrote or changed "
                                           "this archive, or the byte is damaged",
                                           what, offset));
  }
  [[noreturn]] void fail(std::uint64_t offset, std::string message, std::string remedy = {}) const {
    throw Error(ErrorKind::malformed, at_byte(m_archive.file, offset), std::move(message), std::move(remedy));
  }

  ZipArchive m_archive;
  std::vector<DirectoryEntry> m_directory;
};

std::optional<std::size_t> find_end(std::span<const std::byte> bytes) {
  if (bytes.size() < k_end_size) return std::nullopt;
  const auto limit = std::min<std::size_t>(bytes.size(), k_end_size + k_max16);
  const auto tail = as_text(bytes.last(limit));
  const auto found = tail.rfind(std::string_view("PK\x05\x06", 4));
  if (found == std::string_view::npos || tail.size() - found < k_end_size) return std::nullopt;
  return bytes.size() - limit + found;
}

Directory ZipReader::read_end() {
  const auto& bytes = m_archive.bytes;
  const auto end = find_end(bytes);
  if (!end) {
    fail(bytes.size(), "the zip archive has no end record: the file was cut short",
         "copy or download the file again and compare its size with the original's");
  }
  auto reader = reader_at(*end + 4);
  const auto disk = reader.little<std::uint16_t>();
  const auto first_disk = reader.little<std::uint16_t>();
  const auto entries_here = reader.little<std::uint16_t>();
  Directory directory;
  directory.entries = reader.little<std::uint16_t>();
  directory.size = reader.little<std::uint32_t>();
  directory.begin = reader.little<std::uint32_t>();
  const auto comment = reader.little<std::uint16_t>();
  if (disk != 0 || first_disk != 0 || entries_here != directory.entries)
    fail(*end, "the zip archive spans several disks");
  if (*end + k_end_size != bytes.size() || comment != 0) {
    fail(*end + k_end_size, fmt::format("{} bytes follow the end of the zip archive", bytes.size() - *end - k_end_size),
         "something was appended to the file; take it from its source again");
  }
  directory = read_zip64_end(directory);
  if (!extent_fits(directory.begin, directory.size, *end)) fail(*end, "the zip directory lies outside the file");
  return directory;
}

Directory ZipReader::read_zip64_end(const Directory& classic) {
  const auto end = m_archive.bytes.size() - k_end_size;
  const auto total = k_zip64_locator_size + k_zip64_end_size;
  const auto has_locator =
      end >= total && reader_at(end - k_zip64_locator_size).little<std::uint32_t>() == k_zip64_locator_signature;
  if (!has_locator) {
    if (classic.entries == k_max16 || classic.size == k_max32 || classic.begin == k_max32) {
      fail(end, "the zip archive needs a zip64 end record and has none");
    }
    if (classic.begin + classic.size != end) fail(end, "the zip directory does not end where the end record begins");
    note_foreign(end, "an end record without its zip64 form");
    return classic;
  }
  auto locator = reader_at(end - k_zip64_locator_size + 4);
  const auto locator_disk = locator.little<std::uint32_t>();
  const auto zip64_end = locator.little<std::uint64_t>();
  const auto disks = locator.little<std::uint32_t>();
  if (locator_disk != 0 || disks != 1) fail(locator.offset(), "the zip archive spans several disks");
  if (zip64_end != end - total) fail(end, "the zip64 end record is not where its locator says");
  auto reader = reader_at(zip64_end);
  if (reader.little<std::uint32_t>() != k_zip64_end_signature) fail(zip64_end, "no zip64 end record where one belongs");
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
    fail(zip64_end, "the zip64 end record breaks its format");
  }
  if (made_by != 0x031e || needed != 45) note_foreign(zip64_end + 12, "a version number of another writer");
  const auto agrees = [](std::uint64_t narrow, std::uint64_t wide, std::uint64_t all_ones) {
    return narrow == wide || (narrow == all_ones && wide >= all_ones);
  };
  if (!agrees(classic.entries, directory.entries, k_max16) || !agrees(classic.size, directory.size, k_max32) ||
      !agrees(classic.begin, directory.begin, k_max32)) {
    fail(zip64_end, "the zip64 end record and the classic one disagree");
  }
  if (const auto directory_end = checked_add(directory.begin, directory.size); directory_end != zip64_end) {
    fail(zip64_end, "the zip directory does not end where the zip64 end record begins");
  }
  return directory;
}

void ZipReader::read_directory(const Directory& directory) {
  if (directory.entries > directory.size / k_directory_entry_size)
    fail(directory.begin, "the zip directory is too short for its entries");
  const auto bytes = m_archive.bytes.subspan(directory.begin, directory.size);
  ByteReader reader(m_archive.file, bytes, directory.begin);
  m_directory.reserve(directory.entries);
  for (std::uint64_t i = 0; i < directory.entries; ++i) m_directory.push_back(read_directory_entry(reader));
  if (!reader.at_end()) reader.fail("bytes are left over after the last entry of the zip directory");
}

DirectoryEntry ZipReader::read_directory_entry(ByteReader& reader) {
  const auto at = reader.offset();
  if (reader.little<std::uint32_t>() != k_directory_signature)
    fail(at, "no entry of the zip directory where one belongs");
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
  read_directory_extra(reader, extra_size, result);
  if (comment_size != 0) fail(at, "an entry of the zip archive has a comment");
  if (disk != 0) fail(at, "the zip archive spans several disks");
  if ((result.flags & ~(k_flag_descriptor | k_flag_utf8)) != 0) {
    fail(at, fmt::format("flags {:#06x} of {}: encrypted or of a kind that no PyTorch reads", result.flags,
                         escape_unprintable(entry.name)));
  }
  if (result.method != k_method_stored && result.method != k_method_deflated) {
    fail(at, fmt::format("{} is compressed by method {}", escape_unprintable(entry.name), result.method),
         "unpack it and save it again with torch.save");
  }
  entry.deflated = result.method == k_method_deflated;
  if (!entry.deflated && entry.packed != entry.size) {
    fail(at,
         fmt::format("{} is stored in {} bytes, but has {}", escape_unprintable(entry.name), entry.packed, entry.size));
  }
  const auto file_type = external_attributes >> 28;  // of a Unix mode: 8 a regular file, 4 a directory
  if (file_type != 0 && file_type != 8 && file_type != 4) fail(at, "an entry of the zip archive is no regular file");
  const std::uint32_t expected = entry.deflated ? 20 : 0;
  const bool plain = made_by == 0 && result.version_needed == expected && result.time == 0 &&
                     internal_attributes == 0 && external_attributes == 0 && (result.flags & k_flag_utf8) != 0;
  if (!plain) note_foreign(at, "a time, version or attribute in the zip directory");
  return result;
}

void ZipReader::read_directory_extra(ByteReader& reader, std::size_t size, DirectoryEntry& entry) {
  const auto begin = reader.offset();
  ByteReader extra(m_archive.file, reader.take(size), begin);
  auto& data = entry.entry;
  while (!extra.at_end()) {
    const auto id = extra.little<std::uint16_t>();
    const auto length = extra.little<std::uint16_t>();
    if (id != k_extra_zip64) {
      note_foreign(extra.offset(), "an extra field");
      (void)extra.take(length);
      continue;
    }
    if (entry.zip64) extra.fail("an entry of the zip archive has two zip64 blocks");
    entry.zip64 = true;
    ByteReader block(m_archive.file, extra.take(length), extra.offset() - length);
    if (data.size == k_max32) data.size = block.little<std::uint64_t>();
    if (data.packed == k_max32) data.packed = block.little<std::uint64_t>();
    if (entry.header == k_max32) entry.header = block.little<std::uint64_t>();
    if (!block.at_end()) block.fail("the zip64 block of an entry is longer than its fields need");
  }
  if (!entry.zip64 && (data.size == k_max32 || data.packed == k_max32 || entry.header == k_max32)) {
    extra.fail("an entry of the zip archive needs a zip64 block and has none");
  }
}

void ZipReader::check_locals(std::uint64_t directory_begin) {
  ByteReader reader(m_archive.file, m_archive.bytes.first(directory_begin));
  m_archive.entries.reserve(m_directory.size());
  for (auto& entry : m_directory) {
    if (entry.header != reader.offset()) {
      fail(reader.offset(), fmt::format("the entries do not tile the file: {} begins at byte {}",
                                        escape_unprintable(entry.entry.name), entry.header));
    }
    check_local(reader, entry);
    m_archive.entries.push_back(entry.entry);
  }
  if (!reader.at_end()) reader.fail("bytes of the zip archive belong to no entry");
}

void ZipReader::check_local(ByteReader& reader, DirectoryEntry& entry) {
  const auto at = reader.offset();
  const auto& data = entry.entry;
  if (reader.little<std::uint32_t>() != k_local_signature) fail(at, "no local header where an entry begins");
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
    fail(at, fmt::format("the local header of {} differs from the zip directory's", escape_unprintable(data.name)));
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
    fail(at, fmt::format("checksum or size of {} differ between its local header and the zip directory",
                         escape_unprintable(data.name)));
  }
  check_local_extra(reader, extra_size, entry);
  entry.entry.begin = reader.offset();
  (void)reader.take(data.packed);
  if (described) check_descriptor(reader, entry);
}

void ZipReader::check_local_extra(ByteReader& reader, std::size_t size, const DirectoryEntry& entry) {
  const auto begin = reader.offset();
  ByteReader extra(m_archive.file, reader.take(size), begin);
  while (!extra.at_end()) {
    const auto id = extra.little<std::uint16_t>();
    const auto length = extra.little<std::uint16_t>();
    const auto at = extra.offset();
    const auto content = extra.take(length);
    if (id == k_extra_padding) {
      if (as_text(content).find_first_not_of('Z') != std::string_view::npos)
        fail(at, "the padding before an entry is damaged");
    } else if (id == k_extra_zip64) {
      const auto& data = entry.entry;
      ByteReader block(m_archive.file, content, at);
      if (data.size >= k_max32 || length >= 16) check_local_sizes(block, data);
      if (!block.at_end() && block.little<std::uint64_t>() != entry.header) {
        fail(at, "the zip64 offset of a local header differs from the directory's");
      }
      if (!block.at_end()) fail(at, "the zip64 block of a local header is too long");
    } else {
      note_foreign(at, "an extra field");
    }
  }
}

/// miniz writes the header before it has packed the data, and leaves the packed size 0.
void ZipReader::check_local_sizes(ByteReader& block, const ZipEntry& data) {
  const auto size = block.little<std::uint64_t>();
  const auto packed = block.little<std::uint64_t>();
  if (size != data.size || (packed != data.packed && packed != 0)) {
    block.fail("the zip64 sizes of a local header differ from the directory's");
  }
}

void ZipReader::check_descriptor(ByteReader& reader, const DirectoryEntry& entry) {
  const auto at = reader.offset();
  const auto& data = entry.entry;
  const bool wide = data.size >= k_max32 || data.packed >= k_max32 || entry.header >= k_max32;
  const auto signature = reader.little<std::uint32_t>();
  const auto crc = reader.little<std::uint32_t>();
  const std::uint64_t packed = wide ? reader.little<std::uint64_t>() : reader.little<std::uint32_t>();
  const std::uint64_t size = wide ? reader.little<std::uint64_t>() : reader.little<std::uint32_t>();
  if (signature != k_descriptor_signature || crc != data.crc32 || packed != data.packed || size != data.size) {
    fail(at, fmt::format("the data descriptor of {} differs from the zip directory", escape_unprintable(data.name)));
  }
}

void ZipReader::check_names() {
  std::unordered_set<std::string> folded;
  const auto& entries = m_archive.entries;
  m_archive.by_name.reserve(entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    check_name(entries[i].name);
    std::string lower(entries[i].name);
    std::ranges::transform(lower, lower.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (!folded.insert(std::move(lower)).second) {
      fail(entries[i].begin, fmt::format("two entries of the zip archive are named {}, but for case",
                                         escape_unprintable(entries[i].name)));
    }
    m_archive.by_name.emplace(entries[i].name, i);
  }
  if (entries.empty()) return;
  const auto slash = entries.front().name.find('/');
  if (slash == std::string_view::npos) return;
  const auto prefix = entries.front().name.substr(0, slash + 1);
  const auto shares_root = [&](const ZipEntry& entry) { return entry.name.starts_with(prefix); };
  if (std::ranges::all_of(entries, shares_root)) m_archive.root = prefix.substr(0, slash);
}

void ZipReader::check_name(std::string_view name) {
  const auto bad_character = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\'; };
  const auto parts = split(name, '/');
  const auto climbs = [](std::string_view part) { return part == ".." || part == "."; };
  if (name.empty() || name.starts_with('/') || std::ranges::any_of(name, bad_character) ||
      std::ranges::any_of(parts, climbs)) {
    fail(0, fmt::format("an entry of the zip archive has the unsafe name '{}'", escape_unprintable(name)));
  }
  if (!is_utf8(name)) note("zip.name-encoding", fmt::format("the name {} is not UTF-8", escape_unprintable(name)));
}

void ZipReader::note_missing_checksums() {
  const auto& entries = m_archive.entries;
  const auto blank = [](const ZipEntry& entry) { return entry.size == 0 || entry.crc32 == 0; };
  const auto filled = [](const ZipEntry& entry) { return entry.size != 0; };
  if (std::ranges::none_of(entries, filled) || !std::ranges::all_of(entries, blank)) return;
  m_archive.has_checksums = false;
  note("zip.no-checksums",
       "saved without checksums (torch.serialization.set_crc32_options(False)): damage to the "
       "weights shows only against a seal");
}

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

ZipArchive read_zip(std::string file, std::span<const std::byte> bytes) {
  return ZipReader(std::move(file), bytes).read();
}

bool has_zip_end(std::span<const std::byte> bytes) { return find_end(bytes).has_value(); }

std::optional<ZipHead> read_zip_head(std::span<const std::byte> bytes) {
  constexpr std::size_t k_local_header_size = 30;
  if (bytes.size() < k_local_header_size) return std::nullopt;
  ByteReader reader("", bytes);
  if (reader.little<std::uint32_t>() != k_local_signature) return std::nullopt;
  reader.seek(26);
  const std::size_t name_size = reader.little<std::uint16_t>();
  const std::size_t extra_size = reader.little<std::uint16_t>();
  if (reader.remaining() < name_size + extra_size) return std::nullopt;
  const auto name = reader.text(name_size);
  return ZipHead{name, reader.offset() + extra_size};
}

}  // namespace goldseal
