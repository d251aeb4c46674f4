// SPDX-License-Identifier: Apache-2.0
// Reports say how long each stage took. Stopwatch records one lap a stage and leaves showing them
// to report/.
#pragma once

#include <goldseal/verdict/report.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace goldseal {

/// The stages of a run, one lap after the other.
class Stopwatch {
 public:
  void lap(std::string name) {
    const auto now = std::chrono::steady_clock::now();
    m_stages.push_back({std::move(name), std::chrono::duration<double>(now - m_last).count()});
    m_last = now;
  }
  [[nodiscard]] const std::vector<Stage>& stages() const { return m_stages; }

 private:
  std::chrono::steady_clock::time_point m_last = std::chrono::steady_clock::now();
  std::vector<Stage> m_stages;
};

}  // namespace goldseal
