// SPDX-License-Identifier: Apache-2.0
// A seal embeds the architecture, while the checkpoint keeps the weights. This file writes a
// TorchScript or torch.export archive again without weights. Trying the result is left to
// workflow/capture.
#pragma once

#include <goldseal/base/files/atomic_write.hpp>

#include <filesystem>
#include <set>
#include <string>

// An archive that describes a network, written anew without the weights that a checkpoint brings.
namespace goldseal {

/// A TorchScript archive: storages of the tensors named in `weights` alone become zeros (compressed to a thousandth,
/// which PyTorch 1.13 to 2.13 read); code, constants and what no state dict holds stay as they are. One that was saved
/// on the meta device has no weights and is copied. Throws Error as open_checkpoint does.
void write_weightless_torchscript(const std::filesystem::path& archive, const std::set<std::string>& weights,
                                  OutputFile& file);

/// A torch.export archive: its program, its constants and which weights are tied; weights, sample inputs and compiled
/// code are left out.
/// Throws Error as read_export_archive does.
void write_weightless_export(const std::filesystem::path& archive, OutputFile& file);

}  // namespace goldseal
