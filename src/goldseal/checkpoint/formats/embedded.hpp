// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/checkpoint/formats/open_checkpoint.hpp>

#include <cstdint>
#include <span>
#include <string>

namespace goldseal {

/// A torch.save file that lies in another file, as a run of its bytes.
struct Embedded {
  std::size_t file = 0;  ///< index into Checkpoint::files
  std::uint64_t begin = 0;
  std::uint64_t bytes = 0;
  std::string name;  ///< for messages
};

/// What the embedded file holds, with places in `files`. Throws Error as open_checkpoint does.
[[nodiscard]] Checkpoint read_embedded(std::vector<std::shared_ptr<const MappedFile>> files, const Embedded& embedded,
                                       const OpenOptions& options);

}  // namespace goldseal
