// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/bytes/byte_reader.hpp>

#include <goldseal/base/messages/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace goldseal {

ByteReader::ByteReader(std::string_view file, std::span<const std::byte> bytes, std::uint64_t base)
    : m_file(file), m_bytes(bytes), m_base(base) {}

std::span<const std::byte> ByteReader::take(std::size_t count) {
  if (count > remaining()) fail(fmt::format("ends too early: {} more bytes expected, {} left", count, remaining()));
  const auto result = m_bytes.subspan(m_position, count);
  m_position += count;
  return result;
}

std::string_view ByteReader::text(std::size_t count) { return as_text(take(count)); }

std::string_view ByteReader::line(std::size_t limit) {
  const auto rest = as_text(m_bytes.subspan(m_position, std::min(limit, remaining())));
  const auto length = rest.find('\n');
  if (length == std::string_view::npos) fail(fmt::format("no end of line within {} bytes", rest.size()));
  m_position += length + 1;
  return rest.substr(0, length);
}

void ByteReader::seek(std::size_t position) {
  if (position > m_bytes.size()) fail(fmt::format("refers to byte {} of {}", position, m_bytes.size()));
  m_position = position;
}

void ByteReader::fail(std::string message) const {
  throw Error(ErrorKind::malformed, at_byte(m_file, offset()), std::move(message));
}

std::string at_byte(std::string_view file, std::uint64_t offset) { return fmt::format("{} at byte {}", file, offset); }

}  // namespace goldseal
