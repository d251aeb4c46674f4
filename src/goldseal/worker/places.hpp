// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace goldseal {

/// The directory that the running command lies in.
[[nodiscard]] std::filesystem::path command_directory();

/// A file that comes with the command (`worker_libtorch/PROTOCOL.md`): under share/goldseal of an installation, or
/// under src of the source tree of the build tree that the command lies in. Nothing where the command was copied alone.
[[nodiscard]] std::optional<std::filesystem::path> find_shipped(std::string_view name);

/// A variable of this process' environment; empty where it is not set.
[[nodiscard]] std::string variable(const char* name);

/// The variables that lead to Pythons and their packages, as the probes take them.
[[nodiscard]] std::map<std::string, std::string, std::less<>> search_variables();

/// True for a regular file that may be executed.
[[nodiscard]] bool is_program(const std::filesystem::path& path);

/// The first program of this name on the PATH.
[[nodiscard]] std::optional<std::filesystem::path> find_program(const std::string& name);

}  // namespace goldseal
