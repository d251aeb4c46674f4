// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/worker/runtime.hpp>

#include <string_view>
#include <vector>

namespace goldseal {

/// The word of `--runtime attached=…`.
inline constexpr std::string_view k_attached = "attached";

/// `python` (GOLDSEAL_PYTHON, else the first interpreter of VIRTUAL_ENV, CONDA_PREFIX and the PATH that says it has
/// torch),
/// `python=PATH` (an interpreter, by its path or its name on the PATH, or the directory of an environment), or
/// `attached=DESCRIPTOR[:TORCH]` (the calling process is the worker; TORCH is its torch's directory). Throws as
/// find_runtime does.
[[nodiscard]] Runtime find_python_runtime(std::string_view spec);

/// The Pythons of this machine that have torch, the one that `python` means first. Each is started and asked.
[[nodiscard]] std::vector<Runtime> python_runtimes();

}  // namespace goldseal
