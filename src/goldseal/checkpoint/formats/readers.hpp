// SPDX-License-Identifier: Apache-2.0
// A new container format is one reader, one line here and one line in open_checkpoint.cpp. Each
// reader turns a mapped file into a table of tensors and copies no weights. Choosing the reader is
// left to open_checkpoint.cpp.
#pragma once

#include <goldseal/checkpoint/state_dict/open_options.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>
#include <goldseal/checkpoint/zip/zip.hpp>

#include <filesystem>
#include <memory>

namespace goldseal {

/// The readers that open_checkpoint picks from, one a format. Each throws Error as open_checkpoint does.

/// A file that torch.save wrote since torch 1.6: a zip archive with `data.pkl`, which `archive` is the directory of.
[[nodiscard]] Checkpoint read_torch_zip(std::shared_ptr<const MappedFile> file, ZipArchive archive,
                                        const OpenOptions& options);

/// A file that torch.save wrote before torch 1.6, or since with _use_new_zipfile_serialization=False.
[[nodiscard]] Checkpoint read_torch_legacy(std::shared_ptr<const MappedFile> file, const OpenOptions& options);

/// True where the file begins with that format's magic number.
[[nodiscard]] bool is_torch_legacy(std::span<const std::byte> bytes);

/// A file in the format of huggingface/safetensors.
[[nodiscard]] Checkpoint read_safetensors(std::shared_ptr<const MappedFile> file, const OpenOptions& options);

/// True where the file begins like a safetensors file: a plausible header length and `{`.
[[nodiscard]] bool is_safetensors(std::span<const std::byte> bytes);

/// A TorchScript archive: the tensors among its modules' attributes, under their dotted paths, and its constants.
[[nodiscard]] Checkpoint read_torchscript(std::shared_ptr<const MappedFile> file, ZipArchive archive,
                                          const OpenOptions& options);

/// The weights in a torch.export archive (.pt2) of torch 2.8 and newer.
[[nodiscard]] Checkpoint read_pt2(std::shared_ptr<const MappedFile> file, ZipArchive archive);

/// numpy.savez's archive of arrays.
[[nodiscard]] Checkpoint read_npz(std::shared_ptr<const MappedFile> file, const ZipArchive& archive);
[[nodiscard]] bool is_npz(const ZipArchive& archive);

/// Darknet's `.weights`: the numbers of every convolution of the network that `cfg` describes, in its order.
[[nodiscard]] Checkpoint read_darknet_weights(std::shared_ptr<const MappedFile> file, const std::filesystem::path& cfg);

/// True where the file begins like Darknet weights: a version that Darknet wrote.
[[nodiscard]] bool is_darknet_weights(std::span<const std::byte> bytes);

/// A directory of torch.distributed.checkpoint by its `.metadata`, which is the last of its files.
[[nodiscard]] Checkpoint read_distcp(std::shared_ptr<const MappedFile> metadata, const OpenOptions& options);
[[nodiscard]] bool is_distcp_metadata(const std::filesystem::path& path);

/// The weights in a torch.export archive (.pt2) of torch 2.1 to 2.7.
[[nodiscard]] Checkpoint read_pt2_before_2_8(std::shared_ptr<const MappedFile> file, const ZipArchive& archive);

/// The files of all ranks that torch.distributed.checkpoint wrote as safetensors, by one of them: those beside it belong
/// to it. Refused as read_safetensors does where it is the only one.
[[nodiscard]] Checkpoint read_safetensors_pieces(std::shared_ptr<const MappedFile> file, const OpenOptions& options);

/// `shard-00001-model-00001-of-00001.safetensors`: the name of one rank's file.
[[nodiscard]] bool is_safetensors_piece(const std::filesystem::path& path);

/// Several files that an index (`*.index.json`) makes one checkpoint; the index is the last of its files.
[[nodiscard]] Checkpoint read_sharded(std::shared_ptr<const MappedFile> index, const OpenOptions& options);
[[nodiscard]] bool is_shard_index(std::span<const std::byte> bytes);

/// open_checkpoint for one file, never an index.
[[nodiscard]] Checkpoint open_checkpoint_file(const std::filesystem::path& path, const OpenOptions& options);

/// Says what a file is that no reader takes, and what to do: a Git LFS pointer, a web page, an archive, text …
[[noreturn]] void refuse_content(const MappedFile& file);

}  // namespace goldseal
