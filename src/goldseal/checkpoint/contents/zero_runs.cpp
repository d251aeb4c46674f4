// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/contents/zero_runs.hpp>

#include <goldseal/base/messages/text.hpp>
#include <goldseal/base/running/parallel.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <optional>
#include <set>
#include <span>

namespace goldseal {
namespace {

// File systems, and those who download in pieces, leave out whole blocks of this size.
constexpr std::uint64_t k_block = 4096;

// More say no more, and a hostile file may have any number.
constexpr std::size_t k_most_runs = 16;

// A tensor's bytes in a file.
struct Extent {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t row = 0;      ///< bytes of one step of its first dimension above 1; all of it where that is the only one
  std::uint64_t element = 1;  ///< bytes
  std::string_view name;
};

struct Run {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

using Bytes = std::span<const std::byte>;

bool is_zero_block(Bytes bytes, std::uint64_t at) {
  static constexpr std::array<std::byte, k_block> zeros{};
  return std::memcmp(bytes.data() + at, zeros.data(), k_block) == 0;
}

bool is_zero(Bytes bytes, std::uint64_t at) { return bytes[at] == std::byte{0}; }

// The next run that holds a whole block, from `from` on.
std::optional<Run> next_run(Bytes bytes, std::uint64_t from) {
  auto block = (from + k_block - 1) / k_block * k_block;
  while (block + k_block <= bytes.size() && !is_zero_block(bytes, block)) block += k_block;
  if (block + k_block > bytes.size()) return std::nullopt;
  Run run{block, block + k_block};
  while (run.begin > from && is_zero(bytes, run.begin - 1)) --run.begin;
  while (run.end + k_block <= bytes.size() && is_zero_block(bytes, run.end)) run.end += k_block;
  while (run.end < bytes.size() && is_zero(bytes, run.end)) ++run.end;
  return run;
}

// How often the first dimension above 1 steps; 1 where there is no other beside it.
std::uint64_t rows_of(const std::vector<std::int64_t>& shape) {
  const auto first = std::ranges::find_if(shape, [](std::int64_t size) { return size > 1; });
  const bool alone = std::ranges::count_if(shape, [](std::int64_t size) { return size > 1; }) < 2;
  return alone ? 1 : static_cast<std::uint64_t>(*first);
}

Extent extent_of(const Checkpoint& checkpoint, const Tensor& tensor) {
  const std::uint64_t element = item_size(tensor.dtype);
  const auto begin = checkpoint.storages[tensor.storage].begin + static_cast<std::uint64_t>(tensor.offset) * element;
  const auto bytes = tensor_bytes(tensor);
  return {begin, begin + bytes, bytes / rows_of(tensor.shape), element, tensor.name};
}

// In the file's order, each once where several names are tied.
std::vector<Extent> extents_of(const Checkpoint& checkpoint, std::size_t file) {
  std::vector<Extent> extents;
  for (const auto& tensor : checkpoint.tensors) {
    const bool here = checkpoint.storages[tensor.storage].file == file;
    if (here && tensor.chunks.empty() && is_contiguous(tensor) && tensor_bytes(tensor) > 0)
      extents.push_back(extent_of(checkpoint, tensor));
  }
  std::ranges::stable_sort(extents, {}, &Extent::begin);
  return extents;
}

const Extent* extent_around(const std::vector<Extent>& extents, std::uint64_t at) {
  const auto after = std::ranges::lower_bound(extents, at, {}, &Extent::begin);
  if (after == extents.begin()) return nullptr;
  const auto& before = *std::prev(after);
  return at < before.end ? &before : nullptr;
}

// Whether the edge cuts a row: zeros that a network holds end where an element does, which the bytes of a number beside
// them may hide.
bool cuts_a_row(const std::vector<Extent>& extents, std::uint64_t edge) {
  const auto* const extent = extent_around(extents, edge);
  if (extent == nullptr) return false;
  const auto into_row = (edge - extent->begin) % extent->row;
  return into_row >= extent->element && into_row + extent->element <= extent->row;
}

bool is_longer_than_a_row(const std::vector<Extent>& extents, const Run& run) {
  const auto* const first = extent_around(extents, run.begin);
  return first == nullptr || run.end > first->end || run.end - run.begin > 2 * first->row ||
         first->row == first->end - first->begin;
}

// The zeros of a number beside the run widen it by less than the number.
bool is_edge_of_block(std::uint64_t edge, std::uint64_t element) {
  const auto over = edge % k_block;
  return over < element || k_block - over < element;
}

bool is_cut_at_block(const std::vector<Extent>& extents, std::uint64_t edge) {
  const auto* const extent = extent_around(extents, edge);
  return extent != nullptr && cuts_a_row(extents, edge) && is_edge_of_block(edge, extent->element);
}

bool is_no_networks(const std::vector<Extent>& extents, const Run& run, std::uint64_t file_size) {
  const bool whole = run.begin <= extents.front().begin && run.end >= extents.back().end;
  if (whole) return extents.size() > 1;
  if (!is_longer_than_a_row(extents, run)) return false;
  if (run.end == file_size) return cuts_a_row(extents, run.begin);
  return is_cut_at_block(extents, run.begin) || is_cut_at_block(extents, run.end);
}

std::vector<std::string> names_within(const std::vector<Extent>& extents, const Run& run) {
  std::vector<std::string> names;
  for (const auto& extent : extents)
    if (extent.begin < run.end && run.begin < extent.end) names.emplace_back(extent.name);
  return names;
}

std::vector<ZeroRun> runs_of_file(const Checkpoint& checkpoint, std::size_t file) {
  std::vector<ZeroRun> found;
  const auto extents = extents_of(checkpoint, file);
  if (extents.empty()) return found;
  const auto bytes = checkpoint.files[file]->bytes();
  auto from = extents.front().begin;
  while (found.size() < k_most_runs) {
    const auto run = next_run(bytes, from);
    if (!run) break;
    from = run->end;
    if (is_no_networks(extents, *run, bytes.size()))
      found.push_back({file, run->begin, run->end - run->begin, run->end == bytes.size(), names_within(extents, *run)});
  }
  return found;
}

}  // namespace

std::vector<ZeroRun> find_zero_runs(const Checkpoint& checkpoint) {
  std::set<std::size_t> checked;
  for (const auto& record : checkpoint.records) checked.insert(record.file);
  std::vector<std::vector<ZeroRun>> of_files(checkpoint.files.size());
  parallel_for(of_files.size(), [&](std::size_t file) {
    if (!checked.contains(file)) of_files[file] = runs_of_file(checkpoint, file);
  });
  std::vector<ZeroRun> all;
  for (auto& runs : of_files) all.insert(all.end(), runs.begin(), runs.end());
  return all;
}

std::string to_string(const Checkpoint& checkpoint, const ZeroRun& run) {
  const auto more = run.tensors.size() - 1;
  return fmt::format("{}: bytes {} to {}{} are zeros: {}{}",
                     escape_unprintable(checkpoint.files[run.file]->path().filename().string()),
                     format_count(run.begin), format_count(run.begin + run.bytes - 1),
                     run.to_end ? ", its last," : "", escape_unprintable(run.tensors.front()),
                     more == 0 ? "" : fmt::format(" and {} more tensor{}", more, more == 1 ? "" : "s"));
}

}  // namespace goldseal
