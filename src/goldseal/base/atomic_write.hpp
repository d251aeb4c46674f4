// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

namespace goldseal {

/// True where `path` is there and is neither a file nor a directory, or a link to such a thing.
[[nodiscard]] bool is_device_or_pipe(const std::filesystem::path& path);

/// Replaces `path`, or the file that it is a link to, by a file with these bytes: written beside it, synced, renamed.
/// Whatever happens, the old file or the new one is there, never a part. Devices, pipes and what
/// this process's own standard output or error leads to are written to instead.
/// Throws Error{io}, with nothing left behind.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

/// A directory that appears whole or not at all: files are written under `staging()`, and `commit` syncs them and
/// renames the directory to its place. An object that is destroyed without a commit removes what it wrote.
class AtomicDirectory {
 public:
  enum class Existing { refuse, replace };

  /// Throws Error{io} where the parent is missing or not writable, and Error{usage} where `target` exists and may not
  /// be replaced.
  AtomicDirectory(std::filesystem::path target, Existing existing);
  ~AtomicDirectory();
  AtomicDirectory(const AtomicDirectory&) = delete;
  AtomicDirectory& operator=(const AtomicDirectory&) = delete;

  [[nodiscard]] const std::filesystem::path& staging() const { return m_staging; }
  /// Writes one file of the directory and syncs it.
  void write(std::string_view name, std::string_view bytes) const;
  void commit();

 private:
  std::filesystem::path m_target;
  std::filesystem::path m_staging;
  Existing m_existing;
  bool m_committed = false;
};

/// A fresh private directory (mode 0700) under the system's temporary directory, removed with all in it at the end of
/// the object's life.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return m_path; }

 private:
  std::filesystem::path m_path;
};

}  // namespace goldseal
