// SPDX-License-Identifier: Apache-2.0
// A torch.export archive holds a program beside its weights. Workers need the program and its
// constants, which a Checkpoint has no place for. pt2.cpp reads both without running the program.
#pragma once

#include <goldseal/checkpoint/tensors/checkpoint.hpp>

#include <filesystem>
#include <map>
#include <string>

namespace goldseal {

/// What a torch.export archive (.pt2) holds beside its weights.
struct ExportArchive {
  std::string program;   ///< `models/NAME.json` as it is, checked by its checksum; nothing here interprets it
  Checkpoint constants;  ///< buffers that no state dict saves, and tensors that the code uses as they are
  /// Where each weight lies: record, offset, sizes and strides. Tied weights lie in one place.
  std::map<std::string, std::string> places;
};

/// Throws Error as open_checkpoint does, and Error{unsupported} for an archive without a program or with several.
[[nodiscard]] ExportArchive read_export_archive(const std::filesystem::path& path);

}  // namespace goldseal
