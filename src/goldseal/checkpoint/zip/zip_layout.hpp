// SPDX-License-Identifier: Apache-2.0
// The parts of read_zip. Zip as PyTorch writes it (APPNOTE.TXT 6.3.10 gives the format;
// caffe2/serialize/inline_container.cc and its miniz 2.0.8 give the choices):
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
#pragma once

#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/checkpoint/zip/zip.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal::zip {

inline constexpr std::uint32_t k_local_signature = 0x04034b50;
inline constexpr std::uint32_t k_directory_signature = 0x02014b50;
inline constexpr std::uint32_t k_descriptor_signature = 0x08074b50;
inline constexpr std::uint32_t k_zip64_end_signature = 0x06064b50;
inline constexpr std::uint32_t k_zip64_locator_signature = 0x07064b50;
inline constexpr std::uint16_t k_flag_descriptor = 0x0008;
inline constexpr std::uint16_t k_flag_utf8 = 0x0800;
inline constexpr std::uint16_t k_method_stored = 0;
inline constexpr std::uint16_t k_method_deflated = 8;
inline constexpr std::uint16_t k_extra_zip64 = 0x0001;
inline constexpr std::uint16_t k_extra_padding = 0x4246;  // `FB`
inline constexpr std::uint32_t k_max32 = std::numeric_limits<std::uint32_t>::max();
inline constexpr std::uint16_t k_max16 = std::numeric_limits<std::uint16_t>::max();

/// An archive that is being read, and what was worth a note so far. The bytes are borrowed.
struct Source {
  std::string file;  ///< its name, for messages
  std::span<const std::byte> bytes;
  std::vector<Note> notes = {};

  [[nodiscard]] ByteReader reader_at(std::uint64_t position) const;
  /// Keeps one note of a rule: an archive that another tool wrote breaks the same rule in every entry.
  void note(std::string_view rule, std::string message);
  void note_foreign(std::uint64_t offset, std::string_view what);
  [[noreturn]] void fail(std::uint64_t offset, std::string message, std::string remedy = {}) const;
};

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

/// Where the end record begins; nothing without one in the last 64 KiB.
[[nodiscard]] std::optional<std::size_t> find_end(std::span<const std::byte> bytes);

/// Reads the end record and its zip64 form, which must agree and end the file.
[[nodiscard]] Directory read_end(Source& source);

/// Reads the directory; where each entry's data begins is not known from it.
[[nodiscard]] std::vector<DirectoryEntry> read_directory(Source& source, const Directory& directory);

/// Compares every local header, extra field and descriptor with the directory. The entries must tile the file up to
/// where the directory begins. The result has the place of each entry's data.
[[nodiscard]] std::vector<ZipEntry> check_local_headers(Source& source, const std::vector<DirectoryEntry>& directory,
                                                        std::uint64_t directory_begin);

}  // namespace goldseal::zip
