// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace goldseal::worker {

/// A shared library that this process has mapped: its file, and the version that the file name states after `.so.` or
/// that of the file it points to (empty if none).
struct LoadedLibrary {
  std::string name;  // `libcudnn_ops`, without `.so` and what follows
  std::string path;
  std::string version;
};

/// The libraries in /proc/self/maps, in order of address.
std::vector<LoadedLibrary> loaded_libraries();

/// Opens the GPU half of LibTorch if it lies beside the CPU half. It registers itself when it is loaded, and LibTorch
/// looks for it only once, so this comes before any other call. Returns the loader's text on failure, else an empty
/// string.
std::string open_gpu_library();

}  // namespace goldseal::worker
