// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/crc32.hpp>

#include <goldseal/base/text.hpp>

#include <fmt/format.h>
#include <zlib.h>

#include <utility>

namespace goldseal {

std::uint32_t crc32(std::span<const std::byte> bytes, std::uint32_t seed) {
  return static_cast<std::uint32_t>(::crc32_z(seed, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

Error checksum_error(std::string where, std::string_view record, std::uint32_t expected, std::uint32_t found) {
  return {ErrorKind::malformed, std::move(where),
          fmt::format("the bytes of {} are damaged: checksum {:08x} expected, {:08x} found", escape_unprintable(record),
                      expected, found),
          "copy or download the file again; PyTorch itself does not notice this damage"};
}

}  // namespace goldseal
