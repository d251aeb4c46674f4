// SPDX-License-Identifier: Apache-2.0
// PyTorch's HuggingFaceStorageWriter (torch/distributed/checkpoint/hf_storage.py) writes a file for each rank, with the
// rank's pieces under the tensors' own names, and where each begins in its tensor:
//
//   "__metadata__": {"DCP_SHARDING_INFO": '{"NAME": {"saved_offsets": [4, 0]}, …}', "DCP_VERSION": "1.0", …}
//
// The whole tensor's size is nowhere: of one file it cannot be told what is missing. The files of all ranks are put
// together in safetensors_pieces.cpp.
#include <goldseal/checkpoint/formats/safetensors_metadata.hpp>

#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <regex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace goldseal {
namespace {

using nlohmann::json;

constexpr auto k_sharding = "DCP_SHARDING_INFO";

/// Where the tensor's piece begins; empty where the metadata do not say so in numbers.
std::vector<std::int64_t> offsets_of(const json& info, const std::string& name) {
  std::vector<std::int64_t> result;
  if (!info.is_object() || !info.contains(name) || !info[name].is_object()) return result;
  const auto offsets = info[name].find("saved_offsets");
  if (offsets == info[name].end() || !offsets->is_array()) return result;
  for (const auto& offset : *offsets)
    result.push_back(offset.is_number_integer() ? offset.get<std::int64_t>() : 0);
  return result;
}

/// The first tensor that begins within itself, with its place; else nothing.
std::string first_piece(const Checkpoint& checkpoint, const json& info) {
  for (const auto& tensor : checkpoint.tensors) {
    const auto offsets = offsets_of(info, tensor.name);
    if (std::ranges::any_of(offsets, [](std::int64_t offset) { return offset != 0; })) {
      return fmt::format("{} {} is the piece that begins at {}", escape_unprintable(tensor.name),
                         format_shape(tensor.shape), format_shape(offsets));
    }
  }
  return {};
}

/// The writer's name for a file of whole tensors, which one rank wrote for all; pieces are `shard-N-model-M-of-L`.
bool named_as_whole(const std::filesystem::path& path) {
  static const std::regex k_whole(R"(model-\d{5}-of-\d{5}\.safetensors)");
  const auto name = path.filename().string();
  return name.size() < 64 && std::regex_match(name, k_whole);
}

void judge_pieces(Checkpoint& checkpoint, const OpenOptions& options) {
  const auto found = checkpoint.metadata.find(k_sharding);
  if (found == checkpoint.metadata.end()) return;
  const auto info = json::parse(found->second, nullptr, false);
  auto piece = first_piece(checkpoint, info);
  const auto& path = checkpoint.files.front()->path();
  if (piece.empty() && named_as_whole(path)) return;
  if (piece.empty()) piece = "each may be the first piece of a larger one, whose size is not in the file";
  auto message = fmt::format("pieces of tensors (DCP), not consolidated: {}", piece);
  const std::string remedy =
      "name the directory with all ranks' files, where they have the names that PyTorch gave them; or put these "
      "together: consolidate_safetensors_files(DIRECTORY, OUT, {NAME: 1 for every NAME}) of "
      "torch.distributed.checkpoint._consolidate_hf_safetensors, or save with "
      "HuggingFaceStorageWriter(…, enable_consolidation=True)";
  if (!options.show_all) throw Error(ErrorKind::unsupported, path.string(), std::move(message), remedy);
  checkpoint.notes.push_back({"safetensors.pieces", std::move(message) + "; " + remedy});
}

void note_framework(Checkpoint& checkpoint) {
  struct Row {
    std::string_view format;
    std::string_view meaning;
  };
  static constexpr std::array k_rows{
      Row{"tf", "TensorFlow: its kernels lie transposed, and their names differ from PyTorch's"},
      Row{"flax", "Flax: its kernels lie transposed, and their names differ from PyTorch's"},
      Row{"jax", "JAX: its kernels lie transposed, and their names differ from PyTorch's"},
      Row{"mlx", "MLX: its convolutions keep their channels last, and quantized weights are packed its own way"},
      Row{"np", "numpy: nothing says which framework its names and layouts are of"},
      Row{"paddle", "PaddlePaddle: its linear weights lie transposed"},
  };
  const auto format = checkpoint.metadata.find("format");
  if (format == checkpoint.metadata.end()) return;
  const auto* const row = std::ranges::find(k_rows, std::string_view(format->second), &Row::format);
  if (row == k_rows.end()) return;
  checkpoint.notes.push_back(
      {"safetensors.format", fmt::format("the metadata say format {}, saved from {}", row->format, row->meaning)});
}

}  // namespace

std::map<std::string, std::vector<std::int64_t>> piece_offsets(const Checkpoint& checkpoint) {
  std::map<std::string, std::vector<std::int64_t>> offsets;
  const auto found = checkpoint.metadata.find(k_sharding);
  if (found == checkpoint.metadata.end()) return offsets;
  const auto info = json::parse(found->second, nullptr, false);
  for (const auto& tensor : checkpoint.tensors) {
    auto at = offsets_of(info, tensor.name);
    if (!at.empty()) offsets.emplace(tensor.name, std::move(at));
  }
  return offsets;
}

void judge_safetensors_metadata(Checkpoint& checkpoint, const OpenOptions& options) {
  judge_pieces(checkpoint, options);
  note_framework(checkpoint);
}

}  // namespace goldseal
