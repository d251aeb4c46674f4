// SPDX-License-Identifier: Apache-2.0
// Whoever types the bare command is new here, or has forgotten: it answers with what to do first.
#pragma once

#include <filesystem>
#include <string>

namespace goldseal::cli {

/// The first steps, and what can be done with the seals and checkpoints that lie in `directory`.
[[nodiscard]] std::string welcome(const std::filesystem::path& directory);

}  // namespace goldseal::cli
