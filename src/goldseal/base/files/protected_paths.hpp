// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <span>

namespace goldseal {

/// Whether `path` is `directory`, or lies in it, by their names alone: both absolute, and both without links or as they
/// are to be compared.
[[nodiscard]] bool lies_in(const std::filesystem::path& path, const std::filesystem::path& directory);

/// Throws Error{usage} where writing to `output` would replace one of `inputs`, by whatever name or link, or a
/// directory that one of them lies in. Inputs that are not there are passed over.
void require_no_input(const std::filesystem::path& output, std::span<const std::filesystem::path> inputs);

/// Throws Error{usage} where `directory` is the working directory, lies above it, or is a mount point.
void require_movable(const std::filesystem::path& directory);

}  // namespace goldseal
