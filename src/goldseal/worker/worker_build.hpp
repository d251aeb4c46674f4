// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/worker/runtime.hpp>

#include <filesystem>

namespace goldseal {

/// Builds a worker for the LibTorch at `installation` from the sources that are installed with the command (or lie in
/// its source tree), by CMake and the machine's C++ compiler, and keeps it in the user's cache, where `find_runtime`
/// finds it. Throws Error{unsupported} where the sources, CMake or the installation are missing, and Error{worker} with
/// the end of the compiler's output where the build fails.
[[nodiscard]] Runtime build_worker(const std::filesystem::path& installation);

}  // namespace goldseal
