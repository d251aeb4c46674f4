// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/base/running/mapping_guard.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

struct stat;

namespace goldseal {

/// What tells that a file is the same, with the same bytes. Not the time of its last change of mode, owner or links:
/// those leave the bytes alone.
struct FileState {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0;
  friend bool operator==(const FileState&, const FileState&) = default;
};

[[nodiscard]] FileState state_of(const struct ::stat& info);
/// All zero without a file.
[[nodiscard]] FileState state_of(const std::filesystem::path& path);

/// A regular file mapped for reading. The bytes live as long as the object; no descriptor is kept, so that a checkpoint
/// may have more files than a process has descriptors. A file that another process cuts short while it is mapped: see
/// mapping_guard.hpp.
class MappedFile {
 public:
  /// Throws Error{io} where the file cannot be opened or is not a regular file.
  explicit MappedFile(const std::filesystem::path& path);
  /// The same of a file in a directory that is open, whatever has the directory's name by then. `path` is its name for
  /// people.
  MappedFile(int directory, const std::string& name, std::filesystem::path path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  [[nodiscard]] std::span<const std::byte> bytes() const { return {m_data, m_size}; }
  [[nodiscard]] std::uint64_t size() const { return m_size; }
  [[nodiscard]] const std::filesystem::path& path() const { return m_path; }
  /// Whether its name still leads to this file, with the size and the time of the last writing that it had at opening.
  [[nodiscard]] bool unchanged() const;
  /// Throws Error{changed} where it is not.
  void require_unchanged() const;
  [[nodiscard]] const FileState& state() const { return m_state; }

 private:
  void map(int directory, const std::string& name);

  std::filesystem::path m_path;
  const std::byte* m_data = nullptr;
  std::size_t m_size = 0;
  FileState m_state;
  std::int64_t m_opened_ns = 0;
  std::unique_ptr<MappingGuard> m_guard;
};

/// The whole of a small file, which may be a pipe or one of /proc. Throws Error{io}, Error{malformed} where it has more
/// than `limit` bytes, and Error{changed} where it was written to meanwhile.
[[nodiscard]] std::string read_text_file(const std::filesystem::path& path, std::uint64_t limit);
/// The same of a file in a directory that is open, as in MappedFile.
[[nodiscard]] std::string read_text_file(int directory, const std::string& name, const std::filesystem::path& path,
                                         std::uint64_t limit);

/// The error for a file that was changed or replaced while it was read: its own kind, since the file is not damaged.
[[nodiscard]] class Error changed_while_read(const std::filesystem::path& path);

}  // namespace goldseal
