// SPDX-License-Identifier: Apache-2.0
// A seal rests on digests of tensors, of whole files and of the bytes between tensors. This file
// plans all of them as one parallel pass, the checksums of records included. digest_tasks.cpp runs
// the plan.
#include <goldseal/base/bytes/byte_reader.hpp>
#include <goldseal/base/bytes/crc32.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/running/interrupt.hpp>
#include <goldseal/checkpoint/tensors/checkpoint.hpp>
#include <goldseal/checkpoint/tensors/chunks.hpp>
#include <goldseal/checkpoint/tensors/digest_tasks.hpp>
#include <goldseal/checkpoint/tensors/tensor_view.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

namespace goldseal {
namespace {

using Range = std::pair<std::uint64_t, std::uint64_t>;

std::span<const std::byte> record_bytes(const Checkpoint& checkpoint, const RecordChecksum& record) {
  return checkpoint.files[record.file]->bytes().subspan(record.begin, record.bytes);
}

// In pieces, between which a request to stop is heard.
std::uint32_t checksum_of(std::span<const std::byte> bytes) {
  constexpr std::size_t k_stretch = std::size_t{4} << 20U;
  std::uint32_t checksum = 0;
  while (!bytes.empty()) {
    throw_if_interrupted();
    const auto piece = bytes.first(std::min(bytes.size(), k_stretch));
    checksum = crc32(piece, checksum);
    bytes = bytes.subspan(piece.size());
  }
  return checksum;
}

void check_record(const Checkpoint& checkpoint, const RecordChecksum& record, std::uint32_t found) {
  if (found == record.crc32) return;
  throw checksum_error(at_byte(checkpoint.files[record.file]->path().string(), record.begin), record.name, record.crc32,
                       found);
}

/// For each storage, whether the dense tensors fill it without a gap.
std::vector<bool> filled_storages(const Checkpoint& checkpoint) {
  std::vector<std::vector<Range>> ranges(checkpoint.storages.size());
  const auto add = [&](const Tensor& view) {
    if (is_dense(view)) ranges[view.storage].push_back(covered_bytes(view));
  };
  for (const auto& tensor : checkpoint.tensors) {
    if (tensor.chunks.empty()) add(tensor);
    for (const auto& chunk : tensor.chunks) add(view_of(tensor, chunk));
  }
  std::vector<bool> filled(ranges.size());
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    std::ranges::sort(ranges[i]);
    std::uint64_t reached = 0;
    for (const auto& [begin, end] : ranges[i]) {
      if (begin <= reached) reached = std::max(reached, end);
    }
    filled[i] = reached == checkpoint.storages[i].bytes;
  }
  return filled;
}

Digest digest_non_tensor(const Checkpoint& checkpoint, std::size_t file) {
  const auto filled = filled_storages(checkpoint);
  std::vector<Range> left_out;
  for (std::size_t i = 0; i < filled.size(); ++i) {
    const auto& storage = checkpoint.storages[i];
    if (storage.file == file && filled[i]) left_out.emplace_back(storage.begin, storage.begin + storage.bytes);
  }
  std::ranges::sort(left_out);
  const auto bytes = checkpoint.files[file]->bytes();
  Sha256 hash;
  std::uint64_t position = 0;
  for (const auto& [begin, end] : left_out) {
    if (begin > position) hash.update(bytes.subspan(position, begin - position));
    position = std::max(position, end);
  }
  hash.update(bytes.subspan(position));
  return hash.finish();
}

/// The whole work of a pass, cut into tasks that run in parallel.
class Pass {
 public:
  explicit Pass(const Checkpoint& checkpoint)
      : m_checkpoint(checkpoint), m_fused(checkpoint.tensors.size()), m_task_of(checkpoint.tensors.size()) {}

  void add_tensors() {
    m_result.tensors.resize(m_checkpoint.tensors.size());
    find_twins();
    for (std::size_t i = 0; i < m_checkpoint.tensors.size(); ++i) {
      if (m_twin_of[i] == i) add_tensor(i);
    }
  }

  void add_records() {
    std::map<std::tuple<std::size_t, std::uint64_t, std::uint64_t>, std::size_t> covering;
    for (std::size_t i = 0; i < m_twin_of.size(); ++i) {
      const auto& tensor = m_checkpoint.tensors[i];
      const auto& storage = m_checkpoint.storages[tensor.storage];
      const bool covers =
          tensor.chunks.empty() && is_contiguous(tensor) && covered_bytes(tensor) == Range{0, storage.bytes};
      if (covers && m_twin_of[i] == i && !m_checkpoint.big_endian)
        covering.emplace(std::tuple{storage.file, storage.begin, storage.bytes}, i);
    }
    for (const auto& record : m_checkpoint.records) {
      const auto found = covering.find({record.file, record.begin, record.bytes});
      if (found != covering.end()) {
        m_fused[found->second] = &record;
        m_tasks[m_task_of[found->second]].checksum = true;
      } else {
        add(record.bytes,
            [this, &record] { check_record(m_checkpoint, record, checksum_of(record_bytes(m_checkpoint, record))); });
      }
    }
  }

  void add_files() {
    m_result.files.resize(m_checkpoint.files.size());
    for (std::size_t i = 0; i < m_checkpoint.files.size(); ++i) {
      add_run(m_checkpoint.files[i]->bytes(),
              [this, i](const Digest& digest, std::uint32_t) { m_result.files[i].whole = digest; });
      add(0, [this, i] { m_result.files[i].non_tensor = digest_non_tensor(m_checkpoint, i); });
    }
  }

  Digests run(ByteCounter* counter = nullptr) {
    ByteCounter unseen;
    try {
      run_digest_tasks(std::move(m_tasks), counter != nullptr ? *counter : unseen);
    } catch (const Error& error) {
      // A wrong checksum in a file that is being written is not damage.
      if (error.kind() == ErrorKind::malformed) require_unchanged();
      throw;
    }
    for (std::size_t i = 0; i < m_twin_of.size(); ++i) m_result.tensors[i] = m_result.tensors[m_twin_of[i]];
    require_unchanged();
    return std::move(m_result);
  }

 private:
  void require_unchanged() const {
    for (const auto& file : m_checkpoint.files) file->require_unchanged();
  }

  void add(std::uint64_t bytes, std::function<void()> work) {
    m_tasks.push_back({.cost = bytes, .work = std::move(work)});
  }

  void add_run(std::span<const std::byte> run, std::function<void(const Digest&, std::uint32_t)> done) {
    m_tasks.push_back({.cost = run.size(), .run = run, .done = std::move(done)});
  }

  void add_tensor(std::size_t i) {
    const auto& tensor = m_checkpoint.tensors[i];
    m_task_of[i] = m_tasks.size();
    if (const auto run = as_run(m_checkpoint, tensor)) {
      add_run(*run, [this, i](const Digest& digest, std::uint32_t checksum) {
        m_result.tensors[i] = digest;
        if (m_fused[i] != nullptr) check_record(m_checkpoint, *m_fused[i], checksum);
      });
    } else {
      add(tensor_bytes(tensor), [this, i] { m_result.tensors[i] = digest(m_checkpoint, m_checkpoint.tensors[i]); });
    }
  }

  /// Tied tensors, whose views are the same, are digested once.
  void find_twins() {
    using View = std::tuple<std::size_t, std::int64_t, DType, std::vector<std::int64_t>, std::vector<std::int64_t>>;
    std::map<View, std::size_t> first;
    for (std::size_t i = 0; i < m_checkpoint.tensors.size(); ++i) {
      const auto& tensor = m_checkpoint.tensors[i];
      m_twin_of.push_back(
          first.emplace(View{tensor.storage, tensor.offset, tensor.dtype, tensor.shape, tensor.strides}, i)
              .first->second);
    }
  }

  const Checkpoint& m_checkpoint;
  Digests m_result;
  std::vector<std::size_t> m_twin_of;
  std::vector<const RecordChecksum*> m_fused;  // by tensor: the record that it covers
  std::vector<std::size_t> m_task_of;          // by tensor
  std::vector<DigestTask> m_tasks;
};

}  // namespace

std::span<const std::byte> Checkpoint::bytes(const Storage& storage) const {
  return files[storage.file]->bytes().subspan(storage.begin, storage.bytes);
}

Digest digest(const Checkpoint& checkpoint, const Tensor& tensor) {
  Sha256 hash;
  for_each_piece(checkpoint, tensor, [&](std::span<const std::byte> piece) { hash.update(piece); });
  return hash.finish();
}

std::vector<Digest> digest_all(const Checkpoint& checkpoint, ByteCounter* counter) {
  Pass pass(checkpoint);
  pass.add_tensors();
  pass.add_records();
  return pass.run(counter).tensors;
}

FileDigests digest_file(const Checkpoint& checkpoint, std::size_t file) {
  return {sha256(checkpoint.files[file]->bytes()), digest_non_tensor(checkpoint, file)};
}

void verify_records(const Checkpoint& checkpoint) {
  Pass pass(checkpoint);
  pass.add_records();
  (void)pass.run();
}

Digests digest_everything(const Checkpoint& checkpoint, ByteCounter* counter) {
  Pass pass(checkpoint);
  pass.add_files();
  pass.add_tensors();
  pass.add_records();
  return pass.run(counter);
}

}  // namespace goldseal
