// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/record_function.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace goldseal::worker {

/// Notes the operators that take random numbers, of those that this thread calls for as long as it lives. With a seed
/// the CPU's generator is set anew before each of them, so that seeds in the network's code are of no effect. One at a
/// time in a thread.
class RandomWatch {
 public:
  explicit RandomWatch(std::optional<std::uint64_t> seed);
  ~RandomWatch();
  RandomWatch(const RandomWatch&) = delete;
  RandomWatch& operator=(const RandomWatch&) = delete;

  /// Each once, in the order of their first call.
  const std::vector<std::string>& operators() const { return m_operators; }

 private:
  static std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& function);
  void note(const at::RecordFunction& function);

  static thread_local RandomWatch* s_active;

  std::optional<std::uint64_t> m_seed;
  std::uint64_t m_count = 0;
  std::vector<std::string> m_operators;
  at::CallbackHandle m_handle;
};

}  // namespace goldseal::worker
