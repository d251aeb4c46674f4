// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace goldseal {

/// Throws Error{usage} where `directory` is not a seal, whole or damaged, or holds anything that goldseal does not write
/// into one: replacing it would lose somebody's files. What `--force` replaces passes this first.
void require_replaceable_seal(const std::filesystem::path& directory);

}  // namespace goldseal
