// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/formats/open_checkpoint.hpp>

#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/bytes/checked.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/formats/readers.hpp>
#include <goldseal/checkpoint/formats/transfer_damage.hpp>
#include <goldseal/checkpoint/pickle/pickle.hpp>
#include <goldseal/checkpoint/state_dict/storage_id.hpp>
#include <goldseal/checkpoint/zip/zip.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <vector>

namespace goldseal {
namespace {

using namespace std::string_view_literals;

constexpr auto k_zip_magic = "PK\3\4"sv;

/// The least size of a torch.save file, computed from its pickle, which comes first. Nothing where the pickle is cut
/// too.
std::optional<std::uint64_t> least_size(const std::string& path, std::span<const std::byte> bytes) {
  const auto head = read_zip_head(bytes);
  if (!head || !head->name.ends_with("data.pkl")) return std::nullopt;
  try {
    ByteReader reader(path, bytes.subspan(head->begin), head->begin);
    const auto document = pickle::read(path, reader, {.foreign = true});
    auto total = head->begin + reader.position();
    std::unordered_map<std::string_view, std::uint64_t> storages;
    for (const auto persistent : document.persistents()) {
      const auto storage = pickle::read_storage_id(document, persistent, path);
      storages[storage.key] = storage.bytes;
    }
    for (const auto& [key, size] : storages) total = checked_add(total, size).value_or(total);
    return total;
  } catch (const Error&) {
    return std::nullopt;
  }
}

[[noreturn]] void refuse_truncated_zip(const MappedFile& file) {
  const auto least = least_size(file.path().string(), file.bytes());
  const auto of = least && *least > file.size()
                      ? fmt::format(": {} of at least {} bytes", format_count(file.size()), format_count(*least))
                      : fmt::format(" after {} bytes", format_count(file.size()));
  throw Error(ErrorKind::malformed, file.path().string(), fmt::format("the zip archive was cut short{}", of),
              "copy or download it again");
}

// A zip archive around checkpoints, or another program's.
[[noreturn]] void refuse_zip(const std::string& path, const ZipArchive& archive) {
  constexpr std::array k_inside{".pth"sv, ".pt"sv, ".bin"sv, ".ckpt"sv, ".safetensors"sv, ".tar"sv, ".weights"sv};
  std::vector<std::string> inside;
  bool keras = false;
  bool serve = false;
  for (const auto& entry : archive.entries) {
    const auto extension = std::filesystem::path(entry.name).extension().string();
    if (std::ranges::find(k_inside, extension) != k_inside.end() && inside.size() < 4)
      inside.push_back(escape_unprintable(entry.name));
    keras = keras || entry.name.ends_with("model.weights.h5");
    serve = serve || entry.name.starts_with("MAR-INF/");
  }
  const auto error = [&](std::string_view what, std::string remedy) {
    return Error(ErrorKind::unsupported, path, fmt::format("expected a checkpoint, found {}", what), std::move(remedy));
  };
  if (keras)
    throw error("a Keras model (.keras)", "load it with Keras and save the weights with safetensors, under PyTorch's names");
  if (serve) throw error("a model archive of TorchServe (.mar)", "unpack it and name the checkpoint inside");
  if (!inside.empty()) {
    throw error(fmt::format("a zip archive around {}", fmt::join(inside, ", ")),
           fmt::format("unpack it and name {}", inside.size() == 1 ? inside.front() : "the one that is meant"));
  }
  throw error("a zip archive that torch.save did not write: it has no data.pkl", "unpack it and name the checkpoint inside");
}

Checkpoint read_archive(std::shared_ptr<const MappedFile> file, const OpenOptions& options) {
  if (!has_zip_end(file->bytes())) refuse_truncated_zip(*file);
  const auto path = file->path().string();
  auto archive = read_zip(path, file->bytes());
  const auto has = [&](std::string_view name) { return archive.find(name) != nullptr; };
  if (has("archive_format")) return read_pt2(std::move(file), std::move(archive));
  if (has("data.pkl") && has("constants.pkl")) return read_torchscript(std::move(file), std::move(archive), options);
  if (has("data.pkl")) return read_torch_zip(std::move(file), std::move(archive), options);
  if (is_npz(archive)) return read_npz(std::move(file), archive);
  if (archive.by_name.contains("serialized_exported_program.json"))
    return read_pt2_before_2_8(std::move(file), archive);
  if (has("model.json")) {
    throw Error(ErrorKind::unsupported, path, "a TorchScript archive of a torch before 1.4",
                "load it with torch.jit.load and save it again");
  }
  refuse_zip(path, archive);
}

// A file that is being written looks damaged for a moment: that is told for what it is.
template <typename Read>
Checkpoint at_rest(const std::shared_ptr<const MappedFile>& file, const Read& read) {
  try {
    return read();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::malformed && error.kind() != ErrorKind::unsupported) throw;
    file->require_unchanged();
    if (auto explained = explain_transfer(*file, error)) throw *std::move(explained);
    throw;
  }
}

Checkpoint read_file(std::shared_ptr<const MappedFile> file, const OpenOptions& options) {
  if (as_text(file->bytes()).starts_with(k_zip_magic)) return read_archive(std::move(file), options);
  if (is_safetensors(file->bytes())) return read_safetensors(std::move(file), options);
  if (is_torch_legacy(file->bytes())) return read_torch_legacy(std::move(file), options);
  if (is_darknet_weights(file->bytes())) return read_darknet_weights(std::move(file), options.darknet_cfg);
  refuse_content(*file);
}

constexpr std::array k_weights{".safetensors"sv, ".pth"sv, ".pt"sv, ".bin"sv, ".ckpt"sv, ".npz"sv};
// What training scripts write beside the weights.
constexpr std::array k_beside{"optimizer"sv, "scheduler"sv, "training_args"sv, "rng_state"sv, "scaler"sv};

bool is_among_weights(const std::filesystem::path& file) {
  const auto name = file.filename().string();
  const auto begins = [&](std::string_view start) { return name.starts_with(start); };
  return std::ranges::find(k_weights, file.extension().string()) != k_weights.end() &&
         std::ranges::none_of(k_beside, begins);
}

[[noreturn]] void refuse_directory(const std::filesystem::path& directory, std::vector<std::string> names) {
  if (names.empty())
    throw Error(ErrorKind::io, directory.string(), "expected a checkpoint, found a directory without one",
                "name the file that holds the weights");
  std::ranges::sort(names);
  constexpr std::size_t k_most = 4;
  const auto count = names.size();
  names.resize(std::min(count, k_most));
  throw Error(ErrorKind::io, directory.string(),
              fmt::format("expected one checkpoint, found a directory with {}: {}{}", count, fmt::join(names, ", "),
                          count > k_most ? " …" : ""),
              "name the one that is meant; shards need their index, *.index.json");
}

// The one checkpoint of a directory: the index of its shards, or its only file of weights.
std::filesystem::path checkpoint_in(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> indices;
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (!entry->is_regular_file(ignored)) continue;
    if (entry->path().filename().string().ends_with(".index.json")) indices.push_back(entry->path());
    if (is_among_weights(entry->path())) files.push_back(entry->path());
  }
  if (error) throw system_error(directory.string(), "cannot be listed", error.value());
  if (indices.size() == 1) return indices.front();
  if (indices.empty() && files.size() == 1) return files.front();
  if (indices.empty() && !files.empty() && std::ranges::all_of(files, is_safetensors_piece))
    return *std::ranges::min_element(files);
  std::vector<std::string> names;
  for (const auto& file : indices.empty() ? files : indices) names.push_back(escape_unprintable(file.filename().string()));
  refuse_directory(directory, std::move(names));
}

std::filesystem::path file_of(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored)) return path;
  const auto metadata = path / ".metadata";
  return std::filesystem::exists(metadata, ignored) ? metadata : checkpoint_in(path);
}

}  // namespace

Checkpoint open_checkpoint(std::shared_ptr<const MappedFile> file, const OpenOptions& options) {
  return at_rest(file, [&] { return read_file(file, options); });
}

Checkpoint open_checkpoint_file(const std::filesystem::path& path, const OpenOptions& options) {
  return open_checkpoint(std::make_shared<const MappedFile>(path), options);
}

Checkpoint open_checkpoint(const std::filesystem::path& path, const OpenOptions& options) {
  const auto file = std::make_shared<const MappedFile>(file_of(path));
  return at_rest(file, [&] {
    if (is_distcp_metadata(file->path())) return read_distcp(file, options);
    if (is_shard_index(file->bytes())) return read_sharded(file, options);
    if (is_safetensors_piece(file->path())) return read_safetensors_pieces(file, options);
    return read_file(file, options);
  });
}

}  // namespace goldseal
