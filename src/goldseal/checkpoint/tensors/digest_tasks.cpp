// SPDX-License-Identifier: Apache-2.0
#include <goldseal/checkpoint/tensors/digest_tasks.hpp>

#include <goldseal/base/bytes/crc32.hpp>
#include <goldseal/base/bytes/sha256_lanes.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/running/interrupt.hpp>
#include <goldseal/base/running/parallel.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <numeric>

namespace goldseal {
namespace {

// Bytes of each run in turn. The checksum then finds in a core's own cache what the digest has just read.
constexpr std::size_t k_step = std::size_t{16} << 10;

class Queue {
 public:
  Queue(std::vector<DigestTask>& tasks, ByteCounter& counter) : m_tasks(tasks), m_tally(counter) {
    std::ranges::stable_sort(m_tasks, std::greater<>(), &DigestTask::cost);
    const auto add = [](std::uint64_t sum, const DigestTask& task) { return sum + task.cost; };
    const auto total = std::accumulate(m_tasks.begin(), m_tasks.end(), std::uint64_t{0}, add);
    m_tally.total += total;
    m_longest_shared = total / (std::uint64_t{available_processors()} * k_gain);
  }

  DigestTask* take() {
    const auto i = m_next++;
    return i < m_tasks.size() ? &m_tasks[i] : nullptr;
  }
  void stop() { m_next = m_tasks.size(); }
  void note_done(std::uint64_t bytes) {
    m_tally.done.fetch_add(bytes, std::memory_order_relaxed);
    if (m_tally.unwanted) throw Error(ErrorKind::interrupted, "", "the digests are not wanted any more");
  }

  /// A run that would still be going when all else is done gets a processor to itself: side by side with others, all
  /// together are faster, but each is slower.
  [[nodiscard]] bool alone(const DigestTask& task) const {
    return task.work || task.cost > m_longest_shared || !has_sha256_lanes();
  }

 private:
  static constexpr std::uint64_t k_gain = 2;  // of three messages side by side, base/bytes/sha256_lanes.hpp

  std::vector<DigestTask>& m_tasks;
  ByteCounter& m_tally;
  std::uint64_t m_longest_shared = 0;
  std::atomic<std::size_t> m_next{0};
};

void run_alone(Queue& queue, const DigestTask& task) {
  if (task.work) {
    throw_if_interrupted();
    task.work();
    return queue.note_done(task.cost);
  }
  Sha256 hash;
  std::uint32_t checksum = 0;
  for (auto rest = task.run; !rest.empty();) {
    throw_if_interrupted();
    const auto piece = rest.first(std::min(rest.size(), k_step));
    hash.update(piece);
    if (task.checksum) checksum = crc32(piece, checksum);
    rest = rest.subspan(piece.size());
    queue.note_done(piece.size());
  }
  task.done(hash.finish(), checksum);
}

/// What one processor does: keeps its lanes filled from the queue until that is empty.
class Lanes {
 public:
  explicit Lanes(Queue& queue) : m_queue(queue) {}

  void run() {
    fill();
    while (!m_lanes.empty()) {
      throw_if_interrupted();
      advance();
      std::erase_if(m_lanes, [this](Lane& lane) { return finished(lane); });
      fill();
    }
  }

 private:
  struct Lane {
    explicit Lane(const DigestTask& of) : task(&of), message(of.run) {}

    void add_checksum(std::span<const std::byte> piece) {
      if (task->checksum) checksum = crc32(piece, checksum);
    }

    const DigestTask* task;
    Sha256Message message;
    std::uint32_t checksum = 0;
  };

  bool finished(Lane& lane) {
    const auto tail = lane.message.rest;
    if (tail.size() >= k_sha256_block) return false;
    lane.add_checksum(tail);
    lane.task->done(sha256_finish(lane.message), lane.checksum);
    m_queue.note_done(tail.size());
    return true;
  }

  void fill() {
    while (m_lanes.size() < k_sha256_lanes) {
      const auto* const task = m_queue.take();
      if (task == nullptr) return;
      if (m_queue.alone(*task)) {
        run_alone(m_queue, *task);
        continue;
      }
      Lane lane(*task);
      if (!finished(lane)) m_lanes.push_back(lane);
    }
  }

  void advance() {
    std::array<Sha256Message*, k_sha256_lanes> messages{};
    std::array<std::span<const std::byte>, k_sha256_lanes> before;
    auto bytes = k_step;
    for (std::size_t i = 0; i < m_lanes.size(); ++i) {
      messages[i] = &m_lanes[i].message;
      before[i] = messages[i]->rest;
      bytes = std::min(bytes, before[i].size());
    }
    const auto blocks = bytes / k_sha256_block;
    sha256_advance(std::span(messages).first(m_lanes.size()), blocks);
    for (std::size_t i = 0; i < m_lanes.size(); ++i) m_lanes[i].add_checksum(before[i].first(blocks * k_sha256_block));
    m_queue.note_done(blocks * k_sha256_block * m_lanes.size());
  }

  Queue& m_queue;
  std::vector<Lane> m_lanes;
};

}  // namespace

void run_digest_tasks(std::vector<DigestTask> tasks, ByteCounter& counter) {
  Queue queue(tasks, counter);
  const auto processors = std::min<std::size_t>(available_processors(), tasks.size());
  parallel_for(processors, [&](std::size_t) {
    try {
      Lanes(queue).run();
    } catch (...) {
      queue.stop();
      throw;
    }
  });
}

}  // namespace goldseal
