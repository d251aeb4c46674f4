// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

namespace goldseal {

/// What a Python interpreter says of itself: it is asked, since `.pth` files, PYTHONPATH, a user's own packages and
/// links all decide what it imports, and no look into directories follows them as it does.
struct Interpreter {
  std::filesystem::path executable;  ///< `sys.executable`
  std::filesystem::path prefix;      ///< `sys.prefix`
  std::filesystem::path torch;       ///< the directory that `import torch` would load; empty without torch
};

/// Starts it with `-c`, imports no torch, and gives it ten seconds; each interpreter once in a process. Nothing where it
/// does not start or does not answer.
[[nodiscard]] std::optional<Interpreter> ask_interpreter(const std::filesystem::path& python);

/// The directories of the environments that are active, the one whose Python is asked first in front: VIRTUAL_ENV,
/// CONDA_PREFIX.
[[nodiscard]] std::vector<std::filesystem::path> active_environments();

/// The interpreters of this machine in the order in which `--runtime python` tries them: those of VIRTUAL_ENV and
/// CONDA_PREFIX, `python` and `python3` on the PATH, then the rest of the PATH. Nothing is started.
[[nodiscard]] std::vector<std::filesystem::path> interpreter_candidates();

}  // namespace goldseal
