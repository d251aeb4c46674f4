// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/base/messages/error.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace goldseal {

/// CRC-32 as zip uses it (polynomial 0x04c11db7, reflected), continued from `seed`, the checksum of what came before.
[[nodiscard]] std::uint32_t crc32(std::span<const std::byte> bytes, std::uint32_t seed = 0);

/// What a reader throws where a record's bytes do not have its checksum.
[[nodiscard]] Error checksum_error(std::string where, std::string_view record, std::uint32_t expected,
                                   std::uint32_t found);

}  // namespace goldseal
