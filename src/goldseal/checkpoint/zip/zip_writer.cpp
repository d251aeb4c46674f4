// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/zip/zip_writer.hpp>

#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/bytes/crc32.hpp>
#include <goldseal/base/messages/error.hpp>

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

namespace goldseal {
namespace {

constexpr std::uint64_t k_max32 = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint64_t k_max16 = std::numeric_limits<std::uint16_t>::max();
constexpr std::size_t k_alignment = 64;
constexpr std::uint16_t k_stored = 0;
constexpr std::uint16_t k_deflated = 8;
constexpr std::uint16_t k_version_deflated = 20;

template <class T>
void put(std::string& out, T value) {
  std::array<char, sizeof(T)> raw{};
  std::memcpy(raw.data(), &value, sizeof(T));
  out.append(raw.data(), raw.size());
}

std::uint32_t narrow(std::uint64_t value) { return static_cast<std::uint32_t>(std::min(value, k_max32)); }

std::uint16_t flags(std::uint64_t size) { return size > 0 ? 0x0808 : 0x0800; }

struct Packed {
  std::string bytes;
  std::uint32_t checksum = 0;
};

Packed deflate_zeros(std::uint64_t size) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw Error(ErrorKind::io, "", "zlib cannot start");
  Packed packed;
  const std::vector<std::byte> zeros(1U << 20U);
  std::array<char, 1U << 14U> out{};
  for (bool more = true; more;) {
    const auto count = std::min<std::uint64_t>(size, zeros.size());
    size -= count;
    more = size > 0;
    packed.checksum = crc32(std::span(zeros).first(count), packed.checksum);
    // zlib's interface predates const.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(zeros.data()));
    stream.avail_in = static_cast<uInt>(count);
    do {
      stream.next_out = reinterpret_cast<Bytef*>(out.data());
      stream.avail_out = static_cast<uInt>(out.size());
      deflate(&stream, more ? Z_NO_FLUSH : Z_FINISH);
      packed.bytes.append(out.data(), out.size() - stream.avail_out);
    } while (stream.avail_out == 0);
  }
  deflateEnd(&stream);
  return packed;
}

}  // namespace

void ZipWriter::add(const std::string& name, std::string_view bytes) {
  add(name, bytes.size(), [&](const Take& take) { take(as_bytes(bytes)); });
}

void ZipWriter::add(const std::string& name, std::uint64_t size, const std::function<void(const Take&)>& produce) {
  const Entry entry{name, size, size, false, m_file.size()};
  write_local(entry);
  std::uint32_t checksum = 0;
  std::uint64_t written = 0;
  if (size > 0) {
    produce([&](std::span<const std::byte> piece) {
      checksum = crc32(piece, checksum);
      written += piece.size();
      m_file.write(piece);
    });
  }
  if (written != size)
    throw Error(ErrorKind::io, name, fmt::format("{} bytes were produced, {} expected", written, size));
  write_descriptor(entry, checksum);
  add_to_directory(entry, checksum);
}

void ZipWriter::add_zeros(const std::string& name, std::uint64_t size) {
  if (size == 0) return add(name, "");
  const auto packed = deflate_zeros(size);
  const Entry entry{name, size, packed.bytes.size(), true, m_file.size()};
  write_local(entry);
  m_file.write(packed.bytes);
  write_descriptor(entry, packed.checksum);
  add_to_directory(entry, packed.checksum);
}

void ZipWriter::finish() {
  const auto begin = m_file.size();
  m_file.write(m_directory);
  const auto end = m_file.size();
  std::string out;
  put<std::uint32_t>(out, 0x06064b50);
  put<std::uint64_t>(out, 44);
  put<std::uint16_t>(out, 0x031e);
  put<std::uint16_t>(out, 45);
  put<std::uint64_t>(out, 0);
  put<std::uint64_t>(out, m_count);
  put<std::uint64_t>(out, m_count);
  put<std::uint64_t>(out, m_directory.size());
  put<std::uint64_t>(out, begin);
  put<std::uint32_t>(out, 0x07064b50);
  put<std::uint32_t>(out, 0);
  put<std::uint64_t>(out, end);
  put<std::uint32_t>(out, 1);
  put<std::uint32_t>(out, 0x06054b50);
  put<std::uint32_t>(out, 0);
  put<std::uint16_t>(out, static_cast<std::uint16_t>(std::min<std::uint64_t>(m_count, k_max16)));
  put<std::uint16_t>(out, static_cast<std::uint16_t>(std::min<std::uint64_t>(m_count, k_max16)));
  put<std::uint32_t>(out, narrow(m_directory.size()));
  put<std::uint32_t>(out, narrow(begin));
  put<std::uint16_t>(out, 0);
  m_file.write(out);
}

void ZipWriter::write_local(const Entry& entry) {
  std::string out;
  put<std::uint32_t>(out, 0x04034b50);
  put<std::uint16_t>(out, entry.deflated ? k_version_deflated : 0);
  put<std::uint16_t>(out, flags(entry.size));
  put<std::uint16_t>(out, entry.deflated ? k_deflated : k_stored);
  out.append(16, '\0');
  put<std::uint16_t>(out, static_cast<std::uint16_t>(entry.name.size()));
  const bool wide_size = entry.size >= k_max32;
  const bool wide_header = entry.header >= k_max32;
  std::string extra;
  if (wide_size || wide_header) {
    put<std::uint16_t>(extra, 1);
    put<std::uint16_t>(extra, static_cast<std::uint16_t>((wide_size ? 16 : 0) + (wide_header ? 8 : 0)));
    if (wide_size) {
      put<std::uint64_t>(extra, entry.size);
      put<std::uint64_t>(extra, entry.packed);
    }
    if (wide_header) put<std::uint64_t>(extra, entry.header);
  }
  const auto before = entry.header + out.size() + 2 + entry.name.size() + extra.size() + 4;
  const auto fill = (k_alignment - before % k_alignment) % k_alignment;
  extra += "FB";
  put<std::uint16_t>(extra, static_cast<std::uint16_t>(fill));
  extra.append(fill, 'Z');
  put<std::uint16_t>(out, static_cast<std::uint16_t>(extra.size()));
  m_file.write(out + entry.name + extra);
}

void ZipWriter::write_descriptor(const Entry& entry, std::uint32_t checksum) {
  if (entry.size == 0) return;
  std::string out;
  put<std::uint32_t>(out, 0x08074b50);
  put<std::uint32_t>(out, checksum);
  for (const auto bytes : {entry.packed, entry.size}) {
    if (entry.size >= k_max32 || entry.header >= k_max32) {
      put<std::uint64_t>(out, bytes);
    } else {
      put<std::uint32_t>(out, static_cast<std::uint32_t>(bytes));
    }
  }
  m_file.write(out);
}

void ZipWriter::add_to_directory(const Entry& entry, std::uint32_t checksum) {
  auto& out = m_directory;
  const bool wide_size = entry.size >= k_max32;
  const bool wide_packed = entry.packed >= k_max32;
  const bool wide_header = entry.header >= k_max32;
  const auto extra = (wide_size ? 8 : 0) + (wide_packed ? 8 : 0) + (wide_header ? 8 : 0);
  put<std::uint32_t>(out, 0x02014b50);
  put<std::uint16_t>(out, 0);
  put<std::uint16_t>(out, entry.deflated ? k_version_deflated : 0);
  put<std::uint16_t>(out, flags(entry.size));
  put<std::uint16_t>(out, entry.deflated ? k_deflated : k_stored);
  put<std::uint32_t>(out, 0);
  put<std::uint32_t>(out, checksum);
  put<std::uint32_t>(out, narrow(entry.packed));
  put<std::uint32_t>(out, narrow(entry.size));
  put<std::uint16_t>(out, static_cast<std::uint16_t>(entry.name.size()));
  put<std::uint16_t>(out, static_cast<std::uint16_t>(extra > 0 ? extra + 4 : 0));
  out.append(10, '\0');
  put<std::uint32_t>(out, narrow(entry.header));
  out += entry.name;
  if (extra > 0) {
    put<std::uint16_t>(out, 1);
    put<std::uint16_t>(out, static_cast<std::uint16_t>(extra));
  }
  if (wide_size) put<std::uint64_t>(out, entry.size);
  if (wide_packed) put<std::uint64_t>(out, entry.packed);
  if (wide_header) put<std::uint64_t>(out, entry.header);
  ++m_count;
}

}  // namespace goldseal
