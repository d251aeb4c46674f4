// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace goldseal::worker {

/// SHA-256 (FIPS 180-4) of `bytes`, as 64 hexadecimal digits. Uses the processor's SHA instructions where it has them.
std::string sha256_hex(std::span<const std::byte> bytes);

/// The same without the processor's SHA instructions; for tests, and for processors that lack them.
std::string sha256_hex_portable(std::span<const std::byte> bytes);

}  // namespace goldseal::worker
