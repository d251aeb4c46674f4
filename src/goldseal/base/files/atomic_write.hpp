// SPDX-License-Identifier: Apache-2.0
// Everything that goldseal writes for others goes through this file. One policy holds for all of it: what is written
// lies under a name of its own beside its place until it is whole and synced, then takes its place in one step. Links
// are followed to what they lead to. What was there before stays whole until that step, and after a failure.
#pragma once

#include <goldseal/base/files/descriptor.hpp>
#include <goldseal/base/files/temporary_directory.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string_view>

namespace goldseal {

/// What may become of a file that is there already.
enum class Existing { refuse, replace };

/// Whether a file must survive a loss of power.
enum class Durability { none, synced };

/// True where `path` is there and is neither a file nor a directory, or a link to such a thing.
[[nodiscard]] bool is_device_or_pipe(const std::filesystem::path& path);

/// Replaces `path`, or the file that it is a link to, by a file with these bytes. Devices, pipes and what this
/// process's own standard output or error leads to are written to instead.
/// Throws as OutputFile does, with nothing left behind.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

/// A file that is written piece by piece and appears whole, or not at all, with `commit`. An object destroyed before
/// that removes what it wrote.
class OutputFile {
 public:
  /// Throws Error{usage} where something is there that may not be replaced, Error{io} where no file can be created.
  OutputFile(std::filesystem::path path, Existing existing, Durability durability = Durability::synced);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  /// Throws Error{io} where the disk takes no more, and Error{interrupted} once the user has asked to stop.
  void write(std::span<const std::byte> bytes);
  void write(std::string_view bytes);
  [[nodiscard]] std::uint64_t size() const { return m_size; }
  /// Throws Error{usage} where a file appeared meanwhile that may not be replaced, and Error{io}; the message says
  /// which of the two files is in place.
  void commit();

 private:
  void begin_writeback();
  void put_in_place();

  std::filesystem::path m_path;    // as it was given, for messages
  std::filesystem::path m_target;  // where a link leads to
  std::filesystem::path m_staging;
  Existing m_existing;
  Durability m_durability;
  Descriptor m_parent;
  Descriptor m_file;
  bool m_committed = false;
  std::uint64_t m_size = 0;
  std::uint64_t m_writeback = 0;
};

/// Throws Error{usage} where the directory that it is given is not of the kind that is about to take its place, and
/// Error{io} where that cannot be told; nothing else.
using MayReplace = std::function<void(const std::filesystem::path& directory)>;

/// A directory that appears whole or not at all: files are written under `staging()`, and `commit` syncs them and puts
/// the directory in its place. An object that is destroyed without a commit removes what it wrote.
class AtomicDirectory {
 public:
  /// Without `may_replace` nothing that exists is replaced. With it, a directory that it lets pass; never the working
  /// directory, one above it, or a mount point. Throws Error{usage} where there is something else, Error{io} where the
  /// parent is missing or not writable.
  explicit AtomicDirectory(std::filesystem::path target, MayReplace may_replace = {});
  ~AtomicDirectory();
  AtomicDirectory(const AtomicDirectory&) = delete;
  AtomicDirectory& operator=(const AtomicDirectory&) = delete;

  [[nodiscard]] const std::filesystem::path& staging() const { return m_staging; }
  /// Writes one file of the directory and syncs it.
  void write(std::string_view name, std::string_view bytes) const;
  /// Throws as the constructor does; the message says which of the two directories is in place.
  void commit();

 private:
  void require_replaceable() const;
  void put_in_place();
  void exchange();
  void move_aside();
  void finish_replacement();

  std::filesystem::path m_path;    // as it was given, for messages
  std::filesystem::path m_target;  // where a link leads to
  std::filesystem::path m_staging;
  std::filesystem::path m_old;  // what was replaced, until it is removed
  MayReplace m_may_replace;
  Descriptor m_parent;
  Descriptor m_directory;
  bool m_committed = false;
};

}  // namespace goldseal
