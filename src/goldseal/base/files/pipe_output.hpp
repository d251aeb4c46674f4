// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace goldseal {

/// Writes to what is no file: a device, or a pipe with a name, which may have no reader and may be full for as long as its
/// reader likes. Waits some seconds for a reader to come, and for one that is there without limit. Throws Error{io} where
/// nobody reads or the system takes no more, and Error{interrupted} once the user has asked to stop.
void write_to_pipe_or_device(const std::filesystem::path& path, std::span<const std::byte> bytes);

}  // namespace goldseal
