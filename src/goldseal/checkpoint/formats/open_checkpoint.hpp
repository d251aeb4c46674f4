// SPDX-License-Identifier: Apache-2.0
// The name of a checkpoint says little about its format. This file chooses the reader by the
// content. The readers do the rest.
#pragma once

#include <goldseal/checkpoint/state_dict/open_options.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>

#include <filesystem>

namespace goldseal {

/// Opens a checkpoint of any kind that goldseal reads, by its content, not by its name. A directory is that of
/// torch.distributed.checkpoint, or stands for the one index or the one file of weights in it; Error{io} names them
/// where there are none or several. Throws Error: `io`, `malformed`
/// (with the file, the offset and the rule broken), `unsupported` (with what the file is instead).
/// A file that breaks its rules because it is written to meanwhile is Error{changed}.
[[nodiscard]] Checkpoint open_checkpoint(const std::filesystem::path& path, const OpenOptions& options = {});
/// The same of one file that is mapped already.
[[nodiscard]] Checkpoint open_checkpoint(std::shared_ptr<const MappedFile> file, const OpenOptions& options = {});

}  // namespace goldseal
