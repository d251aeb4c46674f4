// SPDX-License-Identifier: Apache-2.0
// A checkpoint cut into several files, as Hugging Face's libraries save large ones: an index, `*.index.json`,
//
//   {"metadata": {"total_size": N}, "weight_map": {TENSOR: FILE, …}}
//
// and beside it the files, safetensors or torch.save's. The index decides which file counts for a tensor; loaders that
// read every file whole take what else lies in them, the last one's where several hold a name.
#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/formats/readers.hpp>
#include <goldseal/checkpoint/state_dict/open_options.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace goldseal {
namespace {

using nlohmann::json;

constexpr std::uint64_t k_index_limit = 256ULL << 20;
constexpr int k_index_depth = 16;  // `metadata` may hold more than a size
constexpr std::size_t k_shard_limit = 10'000;

using WeightMap = std::unordered_map<std::string, std::string>;

class ShardedReader {
 public:
  ShardedReader(std::shared_ptr<const MappedFile> index, const OpenOptions& options)
      : m_options(options), m_index(std::move(index)), m_path(m_index->path().string()) {}

  Checkpoint run() {
    const auto map = read_index();
    std::set<std::string> shards;
    for (const auto& [tensor, shard] : map) shards.insert(shard);
    if (shards.size() > k_shard_limit) fail(fmt::format("the index names {} files, which is too many", shards.size()));
    check_presence(shards);
    for (const auto& shard : shards) add_shard(shard, map);
    for (const auto& [tensor, shard] : map) {
      if (!m_found.contains(tensor))
        fail(fmt::format("tensor '{}' is not in {}, where the index says it is", escape_unprintable(tensor),
                         escape_unprintable(shard)));
    }
    note_superseded();
    m_checkpoint.files.push_back(m_index);
    m_checkpoint.entries.push_back({".", m_checkpoint.tensors.size(), true});
    return std::move(m_checkpoint);
  }

 private:
  WeightMap read_index() const {
    if (m_index->size() > k_index_limit) fail(fmt::format("an index of {}", format_bytes(m_index->size())));
    WeightMap map;
    try {
      // What is there twice would be read as either, by one loader or another.
      std::set<std::string> seen;
      std::set<std::string> sections;
      const auto unique = [&](int depth, json::parse_event_t event, const json& value) {
        if (depth > k_index_depth) fail(fmt::format("expected an index nested at most {} deep, found more", k_index_depth));
        if (event == json::parse_event_t::key && depth <= 2 &&
            !(depth == 1 ? sections : seen).insert(value.get<std::string>()).second) {
          refuse_twice(value.get<std::string>(), depth == 1);
        }
        if (event == json::parse_event_t::object_end && depth == 1) seen.clear();
        return true;
      };
      const auto index = json::parse(as_text(m_index->bytes()), unique);
      for (const auto& [tensor, shard] : index.at("weight_map").items()) map.emplace(tensor, shard.get<std::string>());
    } catch (const json::exception& error) {
      fail(escape_unprintable(error.what()));
    }
    if (map.empty()) fail("the index names no tensors");
    return map;
  }

  /// All that is missing is said at once, before anything is read.
  void check_presence(const std::set<std::string>& shards) const {
    std::vector<std::string> missing;
    for (const auto& shard : shards) {
      // A shard lies beside its index: a path that leads away is refused.
      const std::filesystem::path name(shard);
      if (name != name.filename() || shard == ".." || shard.empty())
        fail(fmt::format("the index must name files beside it, found '{}'", escape_unprintable(shard)));
      // Whoever opens a shard reports that it cannot be looked at.
      std::error_code error;
      if (!std::filesystem::exists(beside(shard), error) && !error) missing.push_back(escape_unprintable(shard));
    }
    if (missing.empty()) return;
    throw Error(ErrorKind::io, m_path,
                fmt::format("{} of {} shards are missing: {} …", missing.size(), shards.size(), missing.front()),
                "download the missing files into the same directory");
  }

  std::filesystem::path beside(const std::string& shard) const { return m_index->path().parent_path() / shard; }

  void add_shard(const std::string& name, const WeightMap& map) {
    auto shard = open_checkpoint_file(beside(name), {.entry = m_options.entry, .show_all = m_options.show_all});
    const auto first_file = m_checkpoint.files.size();
    const auto first_storage = m_checkpoint.storages.size();
    if (m_checkpoint.tensors.empty()) m_checkpoint.big_endian = shard.big_endian;
    if (shard.big_endian != m_checkpoint.big_endian) fail("the shards differ in their byte order");
    m_checkpoint.container = Container(shard.container.kind, true);
    m_checkpoint.entry = shard.entry;
    for (auto& file : shard.files) m_checkpoint.files.push_back(std::move(file));
    for (auto& storage : shard.storages) {
      storage.file += first_file;
      m_checkpoint.storages.push_back(std::move(storage));
    }
    for (auto& record : shard.records) {
      record.file += first_file;
      m_checkpoint.records.push_back(std::move(record));
    }
    for (auto& note : shard.notes)
      m_checkpoint.notes.push_back({note.rule, fmt::format("{}: {}", escape_unprintable(name), note.message), note.unread});
    for (auto& tensor : shard.tensors) {
      const auto place = map.find(tensor.name);
      if (place == map.end() || place->second != name) {
        auto& list = place == map.end() ? m_unnamed : m_stale;
        list.push_back(fmt::format("{} in {}", escape_unprintable(tensor.name), escape_unprintable(name)));
        continue;
      }
      m_found.insert(tensor.name);
      tensor.storage += first_storage;
      m_checkpoint.tensors.push_back(std::move(tensor));
    }
  }

  /// Tensors of the files that do not count.
  void note_superseded() {
    const auto first = [](const std::vector<std::string>& list) {
      constexpr std::size_t k_most = 4;
      const std::vector<std::string> shown(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(
                                                                            std::min(list.size(), k_most)));
      return fmt::format("{}{}", fmt::join(shown, ", "), list.size() > k_most ? " …" : "");
    };
    if (!m_stale.empty()) {
      m_checkpoint.notes.push_back(
          {"index.stale-copies",
           fmt::format("{} tensors lie in a second file too, where the index does not look: {}; the indexed ones are "
                       "read here, and loaders that read whole files take either",
                       m_stale.size(), first(m_stale))});
    }
    if (!m_unnamed.empty()) {
      m_checkpoint.notes.push_back(
          {"index.unnamed-tensors",
           fmt::format("{} tensors that the index does not name: {}; they are left out here, and loaders that read "
                       "whole files take them",
                       m_unnamed.size(), first(m_unnamed))});
    }
  }

  [[noreturn]] void refuse_twice(const std::string& name, bool section) const {
    throw Error(ErrorKind::unsupported, m_path,
                section ? fmt::format("the index has two entries '{}': one loader takes the first, another the last",
                                      escape_unprintable(name))
                        : fmt::format("the index names '{}' twice: one loader takes the first, another the last",
                                      escape_unprintable(name)),
                "write the index again, with each name once");
  }

  [[noreturn]] void fail(std::string message) const {
    throw Error(ErrorKind::malformed, m_path, std::move(message), "take the index and its files from one source");
  }

  const OpenOptions& m_options;
  std::shared_ptr<const MappedFile> m_index;
  std::string m_path;
  Checkpoint m_checkpoint;
  std::set<std::string> m_found;
  std::vector<std::string> m_stale;    // in a file other than the index says
  std::vector<std::string> m_unnamed;  // by the index
};

}  // namespace

bool is_shard_index(std::span<const std::byte> bytes) {
  const auto text = as_text(bytes);
  const auto start = text.find_first_not_of(" \t\r\n");
  return start != std::string_view::npos && text[start] == '{' && text.find("\"weight_map\"") != std::string_view::npos;
}

Checkpoint read_sharded(std::shared_ptr<const MappedFile> index, const OpenOptions& options) {
  return ShardedReader(std::move(index), options).run();
}

}  // namespace goldseal
