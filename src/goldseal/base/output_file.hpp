// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

namespace goldseal {

/// Whether a file must survive a loss of power.
enum class Durability { none, synced };

/// A file that is written piece by piece and appears whole, or not at all: it lies under another name beside its place
/// until `commit` renames it. An object destroyed before that removes what it wrote.
class OutputFile {
 public:
  /// Throws Error{usage} where the file exists and may not be replaced, Error{io} where it cannot be created.
  OutputFile(std::filesystem::path path, bool replace, Durability durability = Durability::synced);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  /// Throws Error{io} where the disk takes no more, and Error{interrupted} once the user has asked to stop.
  void write(std::span<const std::byte> bytes);
  void write(std::string_view bytes);
  [[nodiscard]] std::uint64_t size() const { return m_size; }
  void commit();

 private:
  /// Lets the disk begin with what was written, so that fsync finds little left to do.
  void begin_writeback();

  std::filesystem::path m_path;
  std::filesystem::path m_temporary;
  Durability m_durability;
  int m_descriptor = -1;
  std::uint64_t m_size = 0;
  std::uint64_t m_writeback = 0;
};

}  // namespace goldseal
