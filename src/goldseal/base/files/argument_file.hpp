// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace goldseal {

/// read_text_file() of a file that the user wrote and named: one that is too large is a slip of the user's, and no damage.
[[nodiscard]] std::string read_argument_file(const std::filesystem::path& path, std::uint64_t limit);

}  // namespace goldseal
