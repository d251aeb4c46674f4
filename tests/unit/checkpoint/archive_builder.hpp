// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace goldseal::test {

struct ZipRecord {
  std::string name;
  std::string data;
  std::optional<std::uint32_t> crc32 = std::nullopt;  ///< instead of the right one
};

/// A zip archive in PyTorch's layout, byte for byte.
[[nodiscard]] std::string zip(const std::vector<ZipRecord>& records);

}  // namespace goldseal::test
