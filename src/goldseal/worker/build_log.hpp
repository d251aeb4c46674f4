// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

// What cmake, make, ninja and a compiler write while they build.
namespace goldseal {

/// The end of a log; empty before it exists.
[[nodiscard]] std::string tail_of_log(const std::filesystem::path& log);

/// How far a build is, by its last `[ 42%]` (make) or `[12/28]` (ninja); 0 where it says nothing.
[[nodiscard]] std::uint64_t build_percent(std::string_view log);

/// The compiler's or CMake's first errors in this part of a log, then its last lines: what a person wants to read.
[[nodiscard]] std::string last_words(std::string_view log);

}  // namespace goldseal
