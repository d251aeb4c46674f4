// SPDX-License-Identifier: Apache-2.0
// Zip readers disagree about odd archives, and a file must not mean two things. This reader refuses
// what two readers could take differently. It notes what PyTorch's writer would not write. The
// meaning of the records is left to the formats.
#pragma once

#include <goldseal/checkpoint/tensors/checkpoint.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace goldseal {

/// One file of a zip archive. Names and bytes are borrowed from the archive.
struct ZipEntry {
  std::string_view name;
  std::uint64_t begin = 0;   ///< of its data in the file
  std::uint64_t packed = 0;  ///< bytes in the file
  std::uint64_t size = 0;    ///< bytes once unpacked
  std::uint32_t crc32 = 0;   ///< of the unpacked bytes
  bool deflated = false;
};

/// A zip archive as PyTorch writes it: one root directory, entries that tile the file in the directory's order.
struct ZipArchive {
  std::string file;  ///< its name, for messages
  std::span<const std::byte> bytes;
  std::vector<ZipEntry> entries;
  std::unordered_map<std::string_view, std::size_t> by_name;
  std::string_view root;  ///< `archive` where all names begin with `archive/`; empty for none
  std::vector<Note> notes;
  bool has_checksums = true;  ///< false where the writer left all of them 0

  /// The entry `ROOT/name`, or nothing.
  [[nodiscard]] const ZipEntry* find(std::string_view name) const;
  /// The bytes of a stored entry as they lie in the file. Throws Error{unsupported} where it is compressed.
  [[nodiscard]] std::span<const std::byte> stored(const ZipEntry& entry) const;
  /// The bytes of any entry, unpacked and checked by its checksum. Throws Error{malformed}.
  [[nodiscard]] std::string unpack(const ZipEntry& entry) const;
  /// Throws Error{malformed} where a stored entry's bytes do not have its checksum; nothing is checked without one.
  void verify(const ZipEntry& entry) const;
};

/// Reads the directory and compares every byte outside the entries' data with the layout that PyTorch's writer
/// (miniz 2.0.8, torch 1.4 to 2.13) produces. What other writers leave is a note; what makes two readers disagree
/// throws Error{malformed}.
[[nodiscard]] ZipArchive read_zip(std::string file, std::span<const std::byte> bytes);

/// True where the end-of-archive record is in the file's last 22 bytes, or elsewhere in its last 64 KiB.
[[nodiscard]] bool has_zip_end(std::span<const std::byte> bytes);

/// The first entry by its local header alone, for a file whose directory was cut off; its size is not known.
struct ZipHead {
  std::string_view name;
  std::uint64_t begin = 0;
};
[[nodiscard]] std::optional<ZipHead> read_zip_head(std::span<const std::byte> bytes);

}  // namespace goldseal
