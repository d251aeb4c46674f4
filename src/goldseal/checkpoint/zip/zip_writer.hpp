// SPDX-License-Identifier: Apache-2.0
// Archives that goldseal writes must look like PyTorch's own, since its readers are as strict as
// ours. ZipWriter streams entries in that layout. What the entries contain is the caller's part.
#pragma once

#include <goldseal/base/files/atomic_write.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace goldseal {

/// Writes a zip archive in the layout that PyTorch's own writer produces (zip.cpp describes it), entry by entry.
/// Borrows the file.
class ZipWriter {
 public:
  using Take = std::function<void(std::span<const std::byte>)>;

  explicit ZipWriter(OutputFile& file) : m_file(file) {}

  /// An entry as it is.
  void add(const std::string& name, std::string_view bytes);
  /// The same of `size` bytes, which `produce` hands out piece by piece. Throws Error{io} where it gives another
  /// number.
  void add(const std::string& name, std::uint64_t size, const std::function<void(const Take&)>& produce);
  /// An entry of `size` zero bytes, compressed to about a thousandth.
  void add_zeros(const std::string& name, std::uint64_t size);
  /// The directory. Nothing may be added afterwards.
  void finish();

 private:
  struct Entry {
    const std::string& name;
    std::uint64_t size;    ///< unpacked
    std::uint64_t packed;  ///< in the file
    bool deflated;
    std::uint64_t header;  ///< where its local header begins
  };

  void write_local(const Entry& entry);
  void write_descriptor(const Entry& entry, std::uint32_t checksum);
  void add_to_directory(const Entry& entry, std::uint32_t checksum);

  OutputFile& m_file;
  std::string m_directory;
  std::uint64_t m_count = 0;
};

}  // namespace goldseal
