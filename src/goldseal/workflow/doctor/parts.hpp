// SPDX-License-Identifier: Apache-2.0
// The parts of an examination, one function each, so that doctor.cpp reads as their order.
#pragma once

#include <goldseal/base/running/progress.hpp>
#include <goldseal/manifest/environment.hpp>
#include <goldseal/workflow/doctor/doctor.hpp>

#include <vector>

namespace goldseal {

/// What came of starting the PyTorchs.
struct RuntimeParts {
  std::vector<Part> parts = {};
  bool any_starts = false;
  bool any_uses_gpu = false;
  bool wants_compiler = false;  ///< a LibTorch waits for a worker, and nothing else runs models
};

/// Starts every Python with torch and every LibTorch worker.
[[nodiscard]] RuntimeParts examine_runtimes(const Environment& machine, Progress& progress);

/// Compiles a line. `wanted`: something here waits for a compiler.
[[nodiscard]] Part examine_compiler(const Environment& machine, bool wanted);

/// `used`: a PyTorch here offers the GPU.
[[nodiscard]] Part examine_gpu(const Environment& machine, bool used);
[[nodiscard]] Part examine_sandbox();
[[nodiscard]] Part examine_memory(const Environment& machine);
[[nodiscard]] Part examine_temporary_files();
[[nodiscard]] Part examine_cache();

/// `apt-get install g++ cmake` in this distribution's words; `what` has the names of Debian, Fedora and Alpine.
struct PackageNames {
  std::string_view debian, fedora, alpine;
};
[[nodiscard]] std::string install_command(const Environment& machine, const PackageNames& names);

}  // namespace goldseal
