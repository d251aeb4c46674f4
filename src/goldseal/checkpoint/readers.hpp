// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/checkpoint/checkpoint.hpp>
#include <goldseal/checkpoint/zip.hpp>

#include <filesystem>
#include <memory>

namespace goldseal {

/// The readers that open_checkpoint picks from, one a format. Each throws Error as open_checkpoint does.

/// A file that torch.save wrote since torch 1.6: a zip archive with `data.pkl`, which `archive` is the directory of.
[[nodiscard]] Checkpoint read_torch_zip(std::shared_ptr<const MappedFile> file, ZipArchive archive,
                                        const OpenOptions& options);

/// A file in the format of huggingface/safetensors.
[[nodiscard]] Checkpoint read_safetensors(std::shared_ptr<const MappedFile> file);

/// True where the file begins like a safetensors file: a plausible header length and `{`.
[[nodiscard]] bool is_safetensors(std::span<const std::byte> bytes);

/// Says what a file is that no reader takes, and what to do: a Git LFS pointer, a web page, an archive, text …
[[noreturn]] void refuse_content(const MappedFile& file);

}  // namespace goldseal
