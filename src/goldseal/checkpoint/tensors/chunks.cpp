// SPDX-License-Identifier: Apache-2.0
// A tensor in chunks is walked as a tree: its outermost dimension is cut into slabs wherever a chunk begins or ends; a
// slab that one chunk fills is a leaf, any other is cut along the next dimension.
#include <goldseal/checkpoint/tensors/chunks.hpp>

#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/files/atomic_write.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/checkpoint/tensors/tensor_view.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

namespace goldseal {
namespace {

// Chunks looked at while a tree is built: sharding in any regular way takes a few for each chunk.
constexpr std::size_t k_step_limit = 20'000'000;

// Where a joined tensor begins in its file: a vector register's width and more, so that a worker can map it in place.
constexpr std::uint64_t k_alignment = 64;

struct Level;

struct Slab {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  const Chunk* chunk = nullptr;  // that fills it; nullptr: see below
  std::vector<Loop> loops;       // over the chunk's part of it
  std::unique_ptr<Level> below;
};

struct Level {
  std::vector<Slab> slabs;
};

using Chunks = std::vector<const Chunk*>;

class TreeBuilder {
 public:
  TreeBuilder(const Checkpoint& checkpoint, const Tensor& tensor, const std::string& where)
      : m_checkpoint(checkpoint), m_tensor(tensor), m_where(where) {}

  Level run() {
    if (m_tensor.shape.empty()) fail("is one number, in several pieces");
    Chunks all;
    for (const auto& chunk : m_tensor.chunks) all.push_back(&chunk);
    return cut(0, std::move(all));
  }

 private:
  Level cut(std::size_t dim, Chunks chunks) {
    std::ranges::sort(chunks, {}, [&](const Chunk* chunk) { return chunk->at[dim]; });
    Level level;
    Chunks open;
    auto next = chunks.begin();
    for (std::int64_t begin = 0; begin < m_tensor.shape[dim];) {
      std::erase_if(open, [&](const Chunk* chunk) { return end_of(*chunk, dim) <= begin; });
      while (next != chunks.end() && (*next)->at[dim] == begin) open.push_back(*next++);
      auto end = next != chunks.end() ? (*next)->at[dim] : m_tensor.shape[dim];
      for (const auto* chunk : open) end = std::min(end, end_of(*chunk, dim));
      m_box.emplace_back(begin, end);
      level.slabs.push_back(fill(dim, begin, end, open));
      m_box.pop_back();
      begin = end;
    }
    return level;
  }

  Slab fill(std::size_t dim, std::int64_t begin, std::int64_t end, const Chunks& chunks) {
    m_steps += chunks.size() + 1;
    if (m_steps > k_step_limit) fail("is cut too irregularly");
    if (chunks.empty()) fail(fmt::format("is not whole: no piece holds its elements {}", box()));
    Slab slab{begin, end, nullptr, {}, nullptr};
    if (chunks.size() == 1 && fills(*chunks.front(), dim + 1)) {
      slab.chunk = chunks.front();
      auto shape = slab.chunk->shape;
      shape[dim] = end - begin;
      slab.loops = merge_loops(std::span(shape).subspan(dim), std::span(slab.chunk->strides).subspan(dim));
      return slab;
    }
    if (dim + 1 == m_tensor.shape.size()) {
      fail(fmt::format("is cut into pieces that overlap: {} and {} both hold its elements {}", file_of(*chunks[0]),
                       file_of(*chunks[1]), box()));
    }
    slab.below = std::make_unique<Level>(cut(dim + 1, chunks));
    return slab;
  }

  static std::int64_t end_of(const Chunk& chunk, std::size_t dim) { return chunk.at[dim] + chunk.shape[dim]; }

  bool fills(const Chunk& chunk, std::size_t dim) const {
    for (; dim < m_tensor.shape.size(); ++dim) {
      if (chunk.at[dim] != 0 || chunk.shape[dim] != m_tensor.shape[dim]) return false;
    }
    return true;
  }

  /// As Python slices.
  std::string box() const {
    std::string text;
    for (const auto& [begin, end] : m_box) text += fmt::format("{}{}:{}", text.empty() ? "" : ", ", begin, end);
    for (auto dim = m_box.size(); dim < m_tensor.shape.size(); ++dim) text += ", :";
    return '[' + text + ']';
  }

  std::string file_of(const Chunk& chunk) const {
    const auto& storage = m_checkpoint.storages[chunk.storage];
    return at_byte(escape_unprintable(m_checkpoint.files[storage.file]->path().filename().string()), storage.begin);
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::malformed, m_where, fmt::format("'{}' {}", escape_unprintable(m_tensor.name), what),
                "take the directory from its source again, with the files of every rank");
  }

  const Checkpoint& m_checkpoint;
  const Tensor& m_tensor;
  const std::string& m_where;
  std::vector<std::pair<std::int64_t, std::int64_t>> m_box;  // that is being filled
  std::size_t m_steps = 0;
};

class Walker {
 public:
  Walker(const Checkpoint& checkpoint, const Tensor& tensor, StridedReader& gatherer)
      : m_checkpoint(checkpoint),
        m_item(static_cast<std::int64_t>(item_size(tensor.dtype))),
        m_gatherer(gatherer),
        m_at(tensor.shape.size()) {}

  void walk(const Level& level, std::size_t dim) {
    for (const auto& slab : level.slabs) {
      m_at[dim] = slab.begin;
      if (slab.chunk != nullptr) {
        m_gatherer.add(origin(*slab.chunk, dim), slab.loops);
        continue;
      }
      for (; m_at[dim] < slab.end; ++m_at[dim]) walk(*slab.below, dim + 1);
    }
  }

 private:
  const std::byte* origin(const Chunk& chunk, std::size_t dim) const {
    auto offset = chunk.offset;
    for (std::size_t i = 0; i <= dim; ++i) offset += (m_at[i] - chunk.at[i]) * chunk.strides[i];
    return m_checkpoint.bytes(m_checkpoint.storages[chunk.storage]).data() + offset * m_item;
  }

  const Checkpoint& m_checkpoint;
  std::int64_t m_item;
  StridedReader& m_gatherer;
  std::vector<std::int64_t> m_at;
};

}  // namespace

Tensor view_of(const Tensor& tensor, const Chunk& chunk) {
  Tensor view;
  view.dtype = tensor.dtype;
  view.shape = chunk.shape;
  view.strides = chunk.strides;
  view.offset = chunk.offset;
  view.storage = chunk.storage;
  return view;
}

void require_tiling(const Checkpoint& checkpoint, const Tensor& tensor, const std::string& where) {
  (void)TreeBuilder(checkpoint, tensor, where).run();
}

void gather_chunks(const Checkpoint& checkpoint, const Tensor& tensor, StridedReader& gatherer) {
  Walker(checkpoint, tensor, gatherer).walk(TreeBuilder(checkpoint, tensor, tensor.name).run(), 0);
}

std::optional<Checkpoint> join_chunks(const Checkpoint& checkpoint, const std::filesystem::path& file) {
  const auto is_whole = [](const Tensor& tensor) { return tensor.chunks.empty(); };
  if (std::ranges::all_of(checkpoint.tensors, is_whole)) return std::nullopt;
  auto joined = checkpoint;
  OutputFile output(file, Existing::replace, Durability::none);
  for (auto& tensor : joined.tensors) {
    if (tensor.chunks.empty()) continue;
    output.write(std::string((k_alignment - output.size() % k_alignment) % k_alignment, '\0'));
    joined.storages.push_back({joined.files.size(), output.size(), tensor_bytes(tensor), {}});
    for_each_piece(checkpoint, tensor, [&](std::span<const std::byte> piece) { output.write(piece); });
    tensor.chunks.clear();
    tensor.storage = joined.storages.size() - 1;
  }
  output.commit();
  joined.files.push_back(std::make_shared<const MappedFile>(file));
  return joined;
}

}  // namespace goldseal
