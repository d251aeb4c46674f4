// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/base/running/byte_counter.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <future>
#include <string>
#include <string_view>

namespace goldseal {

/// What the length of a step is counted in.
enum class ProgressUnit { runs, bytes, percent };

/// How a step stands after `elapsed` seconds in which `done - before` of its `total` were done: how far it is, how fast
/// it goes and how long it will take, as far as these are known: `12.3 of 80.0 GiB, 2.6 GiB/s, 26 s left`.
struct Standing {
  std::uint64_t done = 0;
  std::uint64_t total = 0;   ///< 0: not known
  std::uint64_t before = 0;  ///< done when the time began
  double elapsed = 0;
};
[[nodiscard]] std::string describe(const Standing& standing, ProgressUnit unit);

/// Progress of a run, one line on a terminal's standard error, redrawn in place; silent where the stream is no
/// terminal. A step that ends within a second leaves no trace, so that quick runs stay quiet.
class Progress {
 public:
  enum class Mode { automatic, quiet };
  explicit Progress(Mode mode, std::FILE* stream = stderr);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  using Unit = ProgressUnit;

  /// Begins a step, ending the one before; `total` 0 means that its length is not known.
  void step(std::string_view name, std::uint64_t total = 0, Unit unit = Unit::runs);
  void advance(std::uint64_t done);
  void finish();

  /// A step that other threads do: returns when `work` is ready, and shows until then how far its counter is.
  template <class Result>
  void await(const std::future<Result>& work, std::string_view name, const ByteCounter& counter) {
    step(name, counter.total, Unit::bytes);
    m_before = counter.done;
    while (work.wait_for(k_interval) != std::future_status::ready) {
      m_total = counter.total;
      advance(counter.done);
    }
    finish();
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr auto k_interval = std::chrono::milliseconds(100);  // between two redraws
  void draw(Clock::time_point time);
  void show(std::string_view text);

  std::FILE* m_stream;
  bool m_active;
  bool m_drawn = false;
  std::string m_name;
  std::uint64_t m_done = 0;
  std::uint64_t m_total = 0;
  std::uint64_t m_before = 0;  // done when the step began
  Unit m_unit = Unit::runs;
  Clock::time_point m_began;
  Clock::time_point m_last_draw;
};

}  // namespace goldseal
