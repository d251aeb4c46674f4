// SPDX-License-Identifier: Apache-2.0
// torch.save, TorchScript and torch.export write archives with the same small records. This class
// checks those records and finds storages in one place for all three. What a format adds is left to
// its reader.
#pragma once

#include <goldseal/checkpoint/pickle/pickle.hpp>
#include <goldseal/checkpoint/state_dict/storage_id.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>
#include <goldseal/checkpoint/zip/zip.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>

namespace goldseal {

/// What the archives of torch.save, TorchScript and torch.export have in common: one file, records under one root, a
/// version, a byte order, pickles, storages in records of their own. Errors name the file and the record's offset.
class ArchiveRecords {
 public:
  /// Starts `checkpoint` with the file and the archive's notes, and checks version, byte order and the other records
  /// of a few bytes, by checksum and content.
  ArchiveRecords(std::shared_ptr<const MappedFile> file, ZipArchive archive, Container container,
                 Checkpoint& checkpoint);

  [[nodiscard]] const std::string& path() const { return m_archive.file; }
  [[nodiscard]] const ZipArchive& archive() const { return m_archive; }
  /// The bytes of `ROOT/name`, checked by their checksum. Throws Error{malformed} where the record is missing.
  [[nodiscard]] std::span<const std::byte> small(std::string_view name);
  /// The pickle in `ROOT/name`, which must end with it, and its place for messages.
  [[nodiscard]] pickle::Document pickle(std::string_view name, const pickle::Rules& rules, std::string& where);
  /// The storage in `ROOT/FOLDER/KEY`. Throws Error{malformed} where it is missing or of another length.
  [[nodiscard]] Storage storage(std::string_view folder, const pickle::StorageId& id);
  /// The record `ROOT/name` as a storage, whatever its length.
  [[nodiscard]] Storage storage(std::string_view name);
  /// Leaves the checksums of all other records for verify_records, checks compressed ones, and notes those that
  /// nothing refers to; names that begin with one of `expected` are known to the format.
  void finish(std::span<const std::string_view> expected);

  [[noreturn]] void fail(std::uint64_t offset, std::string message,
                         std::string remedy = "take the file from its source again") const;

 private:
  void check_version(std::string_view text, std::uint64_t at);
  void check_byte_order();
  void note(std::string_view rule, std::string_view what, std::vector<std::string> names);
  [[nodiscard]] std::string_view short_name(const ZipEntry& entry) const;

  ZipArchive m_archive;
  Checkpoint& m_checkpoint;
  std::unordered_set<const ZipEntry*> m_used;     // read or referred to
  std::unordered_set<const ZipEntry*> m_checked;  // by their checksum
};

}  // namespace goldseal
