// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace goldseal {

/// A cursor over bytes of a named file. Every read is checked; one past the end throws Error{malformed} that
/// names the file and the offset. `base` is where the bytes begin in that file. Borrows the bytes.
class ByteReader {
 public:
  ByteReader(std::string_view file, std::span<const std::byte> bytes, std::uint64_t base = 0);

  [[nodiscard]] std::uint64_t offset() const { return m_base + m_position; }
  [[nodiscard]] std::size_t position() const { return m_position; }
  [[nodiscard]] std::size_t remaining() const { return m_bytes.size() - m_position; }
  [[nodiscard]] bool at_end() const { return remaining() == 0; }

  /// A little-endian integer.
  template <std::integral T>
  [[nodiscard]] T little() {
    T value{};
    const auto raw = take(sizeof(T));
    std::memcpy(&value, raw.data(), sizeof(T));
    return value;
  }

  /// The next `count` bytes, which stay owned by the file.
  [[nodiscard]] std::span<const std::byte> take(std::size_t count);
  /// The same as text, not checked for its encoding.
  [[nodiscard]] std::string_view text(std::size_t count);
  /// Up to the next `\n`, which is consumed and left out. Throws without one within `limit` bytes.
  [[nodiscard]] std::string_view line(std::size_t limit);
  void seek(std::size_t position);

  /// Throws Error{malformed} at the present offset.
  [[noreturn]] void fail(std::string message) const;

 private:
  std::string_view m_file;
  std::span<const std::byte> m_bytes;
  std::uint64_t m_base;
  std::size_t m_position = 0;
};

/// "model.pth at byte 4096": how every reader names a place.
[[nodiscard]] std::string at_byte(std::string_view file, std::uint64_t offset);

[[nodiscard]] inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
[[nodiscard]] inline std::span<const std::byte> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

}  // namespace goldseal
