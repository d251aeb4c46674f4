// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace goldseal {

/// A regular file mapped for reading. The bytes live as long as the object. A file that another process cuts short
/// while it is mapped raises SIGBUS at the next touch: `unchanged` tells afterwards whether size and time of change are
/// as at opening.
class MappedFile {
 public:
  /// Throws Error{io} where the file cannot be opened or is not a regular file.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  [[nodiscard]] std::span<const std::byte> bytes() const { return {m_data, m_size}; }
  [[nodiscard]] std::uint64_t size() const { return m_size; }
  [[nodiscard]] const std::filesystem::path& path() const { return m_path; }
  [[nodiscard]] bool unchanged() const;

 private:
  std::filesystem::path m_path;
  const std::byte* m_data = nullptr;
  std::size_t m_size = 0;
  int m_descriptor = -1;
  std::int64_t m_changed_ns = 0;
};

/// The whole of a small file. Throws Error{io}, and Error{malformed} where it has more than `limit` bytes.
[[nodiscard]] std::string read_text_file(const std::filesystem::path& path, std::uint64_t limit);

}  // namespace goldseal
