// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

namespace goldseal {

struct ProbeOptions {
  /// Leaves out what names a machine, a person or a device: host name, UUIDs, serial bus ids, directories.
  bool anonymous = false;
  /// The PyTorch that will be used: a wheel's `torch` directory, an unpacked LibTorch, or `/usr`. Without it, the one
  /// of the first Python on the path that has one.
  std::optional<std::filesystem::path> torch_prefix;
  /// Where /proc, /sys, /etc, /dev and installations are read; tests put a tree of files in its place. The driver's
  /// libraries are opened by name, whatever the root.
  std::filesystem::path root = "/";
  /// How long the driver's libraries may take. They run in a child of their own, so that one that hangs or crashes
  /// costs this long and no more.
  std::chrono::milliseconds driver_deadline{5000};
  std::string nvml_library = "libnvidia-ml.so.1";
  std::string cuda_library = "libcuda.so.1";
};

}  // namespace goldseal
