// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace goldseal {

/// Progress of a run, one line on a terminal's standard error, redrawn in place; silent where the stream is no
/// terminal. A step that ends within a second leaves no trace, so that quick runs stay quiet.
class Progress {
 public:
  enum class Mode { automatic, quiet };
  explicit Progress(Mode mode, std::FILE* stream = stderr);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Begins a step, ending the one before; `total` 0 means that its length is not known.
  void step(std::string_view name, std::uint64_t total = 0);
  void advance(std::uint64_t done);
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  void draw(Clock::time_point time);

  std::FILE* m_stream;
  bool m_active;
  bool m_drawn = false;
  std::string m_name;
  std::uint64_t m_done = 0;
  std::uint64_t m_total = 0;
  Clock::time_point m_began;
  Clock::time_point m_last_draw;
};

}  // namespace goldseal
