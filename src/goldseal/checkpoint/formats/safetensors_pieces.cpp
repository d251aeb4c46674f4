// SPDX-License-Identifier: Apache-2.0
// PyTorch's HuggingFaceStorageWriter(…, save_distributed=True) leaves a safetensors file for each rank,
//
//   shard-RANK-model-K-of-L.safetensors     (torch/distributed/checkpoint/_hf_utils.py)
//
// with the rank's pieces of tensors, and where each begins (safetensors_metadata.cpp). A tensor reaches as far as its
// last piece: the whole size is in no file. So a rank whose file is missing at the end shows only where the tensors are
// held against a network or a seal, which a note says.
#include <goldseal/base/bytes/checked.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/formats/readers.hpp>
#include <goldseal/checkpoint/formats/safetensors_metadata.hpp>
#include <goldseal/checkpoint/tensors/chunks.hpp>
#include <goldseal/checkpoint/tensors/tensor_view.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace goldseal {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t k_most_files = 100'000;

struct PieceName {
  std::string rank;
  std::string model;
  std::string models;
};

std::optional<PieceName> parse_name(const fs::path& path) {
  static const std::regex k_form(R"(shard-(\d{5,9})-model-(\d{5,9})-of-(\d{5,9})\.safetensors)");
  const auto name = path.filename().string();
  std::smatch parts;
  if (name.size() > 80 || !std::regex_match(name, parts, k_form)) return std::nullopt;
  return PieceName{parts[1], parts[2], parts[3]};
}

class PiecesReader {
 public:
  explicit PiecesReader(std::vector<fs::path> files)
      : m_path(files.front().parent_path().string()), m_files(std::move(files)) {}

  Checkpoint run() {
    require_models();
    m_checkpoint.container = Container(Container::Kind::safetensors, true);
    for (const auto& file : m_files) add_file(file);
    for (const auto& name : m_order) m_checkpoint.tensors.push_back(put_together(name, m_pieces.at(name)));
    m_checkpoint.entries.push_back({".", m_checkpoint.tensors.size(), true});
    m_checkpoint.notes.push_back(
        {"safetensors.pieces-joined",
         fmt::format("put together from the {} files of a distributed run: no file says how large the tensors are, so that "
                     "a last rank's file that is missing shows by their shapes alone",
                     m_files.size())});
    return std::move(m_checkpoint);
  }

 private:
  // Each rank may lack some of the files, for parts that it has none of.
  void require_models() const {
    std::set<std::string> models;
    std::set<std::string> counts;
    for (const auto& file : m_files) {
      const auto name = parse_name(file);
      models.insert(name->model);
      counts.insert(name->models);
    }
    if (counts.size() > 1) fail(fmt::format("the files are of several runs: of {} and of {}", *counts.begin(), *counts.rbegin()));
    if (std::to_string(models.size()) == counts.begin()->substr(counts.begin()->find_first_not_of('0'))) return;
    throw Error(ErrorKind::io, m_path, fmt::format("{} of {} parts of the model are there", models.size(), *counts.begin()),
                "copy the whole directory: every rank wrote files of its own");
  }

  void add_file(const fs::path& path) {
    auto part = read_safetensors(std::make_shared<const MappedFile>(path), {.show_all = true});
    const auto offsets = piece_offsets(part);
    const auto first_storage = m_checkpoint.storages.size();
    for (auto& storage : part.storages) {
      storage.file = m_checkpoint.files.size();
      m_checkpoint.storages.push_back(std::move(storage));
    }
    m_checkpoint.files.push_back(std::move(part.files.front()));
    for (auto& note : part.notes) {
      if (note.rule != "safetensors.pieces" &&
          std::ranges::find(m_checkpoint.notes, note.rule, &Note::rule) == m_checkpoint.notes.end())
        m_checkpoint.notes.push_back(std::move(note));
    }
    m_checkpoint.metadata.merge(part.metadata);
    for (auto& tensor : part.tensors) {
      tensor.storage += first_storage;
      const auto at = offsets.find(tensor.name);
      if (at != offsets.end() && at->second.size() != tensor.shape.size())
        fail(fmt::format("a piece of '{}' begins at {}, and has the shape {}", escape_unprintable(tensor.name),
                         format_shape(at->second), format_shape(tensor.shape)));
      auto& pieces = m_pieces[tensor.name];
      if (pieces.empty()) m_order.push_back(tensor.name);
      pieces.emplace_back(at == offsets.end() ? std::vector<std::int64_t>(tensor.shape.size(), 0) : at->second,
                          std::move(tensor));
    }
  }

  using Pieces = std::vector<std::pair<std::vector<std::int64_t>, Tensor>>;

  Tensor put_together(const std::string& name, Pieces& pieces) const {
    std::erase_if(pieces, [&](const auto& piece) { return pieces.size() > 1 && checked_numel(piece.second.shape) == 0; });
    if (pieces.empty()) fail(fmt::format("'{}' has no piece", escape_unprintable(name)));
    auto whole = pieces.front().second;
    auto shape = whole.shape;
    for (const auto& [at, piece] : pieces) {
      if (piece.dtype != whole.dtype || piece.shape.size() != shape.size())
        fail(fmt::format("'{}' has pieces of several types", escape_unprintable(name)));
      for (std::size_t i = 0; i < shape.size(); ++i) {
        const auto end = checked_add(at[i], piece.shape[i]);
        if (at[i] < 0 || !end) fail(fmt::format("a piece of '{}' begins nowhere", escape_unprintable(name)));
        shape[i] = std::max(shape[i], *end);
      }
    }
    if (pieces.size() == 1 && shape == whole.shape) return whole;
    require_size(name, whole.dtype, shape);
    for (const auto& [at, piece] : pieces)
      whole.chunks.push_back({at, piece.shape, piece.strides, piece.offset, piece.storage});
    whole.shape = shape;
    whole.strides = contiguous_strides(shape);
    whole.offset = 0;
    require_tiling(m_checkpoint, whole, m_path);
    return whole;
  }

  void require_size(const std::string& name, DType dtype, const std::vector<std::int64_t>& shape) const {
    const auto numel = checked_numel(shape);
    if (!numel || !checked_multiply(*numel, static_cast<std::int64_t>(item_size(dtype))))
      fail(fmt::format("'{}' is larger than any memory", escape_unprintable(name)));
    if (dtype != DType::float4_e2m1fn_x2) return;
    throw Error(ErrorKind::unsupported, m_path,
                fmt::format("'{}' is in pieces, and packs several elements into a byte", escape_unprintable(name)),
                "consolidate it where it was saved");
  }

  [[noreturn]] void fail(std::string message) const {
    throw Error(ErrorKind::malformed, m_path, std::move(message),
                "copy the whole directory from its source again: every rank wrote files of its own, and those of an earlier "
                "run do not belong to it");
  }

  std::string m_path;
  std::vector<fs::path> m_files;
  std::vector<std::string> m_order;
  std::map<std::string, Pieces> m_pieces;
  Checkpoint m_checkpoint;
};

std::vector<fs::path> pieces_beside(const fs::path& path) {
  std::vector<fs::path> files;
  std::error_code error;
  const auto directory = path.has_parent_path() ? path.parent_path() : fs::path(".");
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    if (is_safetensors_piece(entry->path())) files.push_back(path.has_parent_path() ? entry->path() : entry->path().filename());
    if (files.size() > k_most_files)
      throw Error(ErrorKind::unsupported, directory.string(), "the directory holds too many files", "name another");
  }
  if (error) throw system_error(directory.string(), "cannot be listed", error.value());
  std::ranges::sort(files);
  return files;
}

}  // namespace

bool is_safetensors_piece(const fs::path& path) { return parse_name(path).has_value(); }

Checkpoint read_safetensors_pieces(std::shared_ptr<const MappedFile> file, const OpenOptions& options) {
  auto files = pieces_beside(file->path());
  std::set<std::string> ranks;
  for (const auto& path : files) ranks.insert(parse_name(path)->rank);
  if (ranks.size() < 2) return read_safetensors(std::move(file), options);
  return PiecesReader(std::move(files)).run();
}

}  // namespace goldseal
