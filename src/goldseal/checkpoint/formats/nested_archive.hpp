// SPDX-License-Identifier: Apache-2.0
// Distributed checkpoints and old .pt2 files contain whole torch.save files. This file reads one of
// those where it lies, without copying it. A torch.save file that stands alone is left to
// torch_zip.cpp.
#pragma once

#include <goldseal/checkpoint/formats/open_checkpoint.hpp>

#include <cstdint>
#include <span>
#include <string>

namespace goldseal {

/// A torch.save file that lies in another file, as a run of its bytes.
struct NestedArchive {
  std::size_t file = 0;  ///< index into Checkpoint::files
  std::uint64_t begin = 0;
  std::uint64_t bytes = 0;
  std::string name;  ///< for messages
};

/// What the nested file holds, with places in `files`. Throws Error as open_checkpoint does.
[[nodiscard]] Checkpoint read_nested_archive(std::vector<std::shared_ptr<const MappedFile>> files,
                                             const NestedArchive& nested, const OpenOptions& options);

/// The same where the file holds no state dict but the extra state of that name.
[[nodiscard]] Checkpoint read_nested_extra_state(std::vector<std::shared_ptr<const MappedFile>> files,
                                                 const NestedArchive& nested, const std::string& name);

}  // namespace goldseal
