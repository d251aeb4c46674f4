// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/cli/verb.hpp>

#include <string>

namespace goldseal::cli {

/// True for a file that can only be a checkpoint: neither a seal's directory nor a TOML.
[[nodiscard]] bool names_checkpoint(const std::string& path);

/// `diff` of two checkpoints: names, shapes, element types and values. `fails` where they differ.
ExitCode diff_checkpoints(const std::string& a, const std::string& b, const CommonOptions& common);

}  // namespace goldseal::cli
