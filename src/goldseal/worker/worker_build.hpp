// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/base/running/progress.hpp>
#include <goldseal/worker/runtime.hpp>

#include <filesystem>

namespace goldseal {

struct BuiltWorker {
  Runtime runtime;
  bool cached = false;  ///< it was there, of the same sources: nothing was built
};

/// Builds a worker for the LibTorch at `installation` from the sources that are installed with the command (or lie in
/// its source tree), by CMake and the machine's C++ compiler, and keeps it in the user's cache by LibTorch's version
/// and C++ ABI, where `find_runtime` finds it. One that is there already, of the same sources, is kept unless `force`.
/// Throws Error{unsupported} where the sources, CMake or the installation are missing, and Error{worker} where the
/// build fails, with the end of its log and the path of the whole.
[[nodiscard]] BuiltWorker build_worker(const std::filesystem::path& installation, bool force, Progress& progress);

}  // namespace goldseal
