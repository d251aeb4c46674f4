// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

namespace goldseal::test {

/// Appends the bytes of a number as they lie in memory.
template <class T>
void put(std::string& out, T value) {
  char raw[sizeof(T)];
  std::memcpy(raw, &value, sizeof(T));
  out.append(raw, sizeof(T));
}

struct ZipRecord {
  std::string name;
  std::string data;
  std::optional<std::uint32_t> crc32 = std::nullopt;  ///< instead of the right one
};

/// A zip archive in PyTorch's layout, byte for byte.
[[nodiscard]] std::string zip(const std::vector<ZipRecord>& records);

}  // namespace goldseal::test
