// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/environment/shared/probes.hpp>

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>

namespace goldseal {

/// A probe in a child of this process (a fork, no program is started), which sends its facts as it finds them. A child
/// rather than a thread, because a driver call that hangs in the kernel would keep the whole process from ending, and
/// because the driver's libraries may crash, exit or leave state behind.
class GuardedProbe {
 public:
  /// Starts at once. `gather` runs in the child and must not need other threads.
  explicit GuardedProbe(const std::function<void(const FactSink&)>& gather);
  ~GuardedProbe();
  GuardedProbe(const GuardedProbe&) = delete;
  GuardedProbe& operator=(const GuardedProbe&) = delete;

  /// Waits until the child is done or `deadline` has come, then ends it. Facts that it sent before go to `fact` in any
  /// case. Returns an empty string, or what went wrong: `no answer within 5.0 s`, `crashed (signal 11)`.
  [[nodiscard]] std::string collect(std::chrono::steady_clock::time_point deadline, const FactSink& fact);

 private:
  using Clock = std::chrono::steady_clock;
  bool read_until(Clock::time_point deadline);
  std::optional<int> reap();

  Clock::time_point m_began;
  pid_t m_child = -1;
  int m_pipe = -1;
  std::string m_received;
};

}  // namespace goldseal
