// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/archive_builder.hpp"

#include <zlib.h>

namespace goldseal::test {

std::string zip(const std::vector<ZipRecord>& records) {
  std::string out;
  std::string directory;
  for (const auto& [name, data, given] : records) {
    const auto header = static_cast<std::uint32_t>(out.size());
    const auto right = ::crc32(0, reinterpret_cast<const Bytef*>(data.data()), static_cast<uInt>(data.size()));
    const auto crc = data.empty() ? 0 : given.value_or(static_cast<std::uint32_t>(right));
    const std::uint16_t flags = data.empty() ? 0x0800 : 0x0808;
    const auto size = static_cast<std::uint32_t>(data.size());
    const auto name_size = static_cast<std::uint16_t>(name.size());
    put<std::uint32_t>(out, 0x04034b50);
    put<std::uint16_t>(out, 0);
    put<std::uint16_t>(out, flags);
    out.append(18, '\0');  // method, time, checksum and sizes
    put<std::uint16_t>(out, name_size);
    const auto before = out.size() + 2 + name.size() + 4;
    const auto fill = static_cast<std::uint16_t>((64 - before % 64) % 64);
    put<std::uint16_t>(out, static_cast<std::uint16_t>(4 + fill));
    out += name;
    out += "FB";
    put<std::uint16_t>(out, fill);
    out.append(fill, 'Z');
    out += data;
    if (!data.empty()) {
      put<std::uint32_t>(out, 0x08074b50);
      put<std::uint32_t>(out, crc);
      put<std::uint32_t>(out, size);
      put<std::uint32_t>(out, size);
    }
    put<std::uint32_t>(directory, 0x02014b50);
    put<std::uint32_t>(directory, 0);  // version made by, version needed
    put<std::uint16_t>(directory, flags);
    put<std::uint16_t>(directory, 0);
    put<std::uint32_t>(directory, 0);
    put<std::uint32_t>(directory, crc);
    put<std::uint32_t>(directory, size);
    put<std::uint32_t>(directory, size);
    put<std::uint16_t>(directory, name_size);
    directory.append(12, '\0');  // extra, comment, disk, attributes
    put<std::uint32_t>(directory, header);
    directory += name;
  }
  const std::uint64_t begin = out.size();
  out += directory;
  const std::uint64_t end = out.size();
  put<std::uint32_t>(out, 0x06064b50);
  put<std::uint64_t>(out, 44);
  put<std::uint16_t>(out, 0x031e);
  put<std::uint16_t>(out, 45);
  put<std::uint64_t>(out, 0);
  put<std::uint64_t>(out, records.size());
  put<std::uint64_t>(out, records.size());
  put<std::uint64_t>(out, directory.size());
  put<std::uint64_t>(out, begin);
  put<std::uint32_t>(out, 0x07064b50);
  put<std::uint32_t>(out, 0);
  put<std::uint64_t>(out, end);
  put<std::uint32_t>(out, 1);
  put<std::uint32_t>(out, 0x06054b50);
  put<std::uint32_t>(out, 0);
  put<std::uint16_t>(out, static_cast<std::uint16_t>(records.size()));
  put<std::uint16_t>(out, static_cast<std::uint16_t>(records.size()));
  put<std::uint32_t>(out, static_cast<std::uint32_t>(directory.size()));
  put<std::uint32_t>(out, static_cast<std::uint32_t>(begin));
  put<std::uint16_t>(out, 0);
  return out;
}

}  // namespace goldseal::test
