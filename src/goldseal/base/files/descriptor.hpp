// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace goldseal {

/// Calls `call`, which says -1 with errno for a failure, until no signal interrupts it. Only a request to stop has a
/// handler here, and what is stopped half-way (a rename, a sync) would tell a wrong reason.
template <typename Call>
auto retried(Call call) {
  for (;;) {
    const auto result = call();
    if (result != -1 || errno != EINTR) return result;
  }
}

/// Owns a file descriptor; -1 for none.
class Descriptor {
 public:
  explicit Descriptor(int value = -1) : m_value(value) {}
  ~Descriptor() { static_cast<void>(close()); }
  Descriptor(Descriptor&& other) noexcept : m_value(std::exchange(other.m_value, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(m_value, other.m_value);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  [[nodiscard]] int get() const { return m_value; }
  [[nodiscard]] int release() { return std::exchange(m_value, -1); }
  /// False with errno where the system refuses. NFS reports a full disk here. Linux has closed it in any case, after
  /// a signal too.
  [[nodiscard]] bool close() {
    if (m_value < 0) return true;
    return ::close(std::exchange(m_value, -1)) == 0 || errno == EINTR;
  }

 private:
  int m_value;
};

}  // namespace goldseal
