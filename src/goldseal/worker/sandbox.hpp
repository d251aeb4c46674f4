// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace goldseal {

/// Keeps a worker, which runs a stranger's model, from the network and from other people's files, as far as this
/// kernel can: no sockets but local ones (seccomp), and no writing outside one directory (Landlock, Linux 5.13).
/// Reading stays allowed: PyTorch's libraries may lie anywhere. Needs no privileges.
class Sandbox {
 public:
  /// `writable` is the directory that may be written to. Devices and shared memory may be as well, and the directory
  /// where the GPU driver keeps the kernels that it compiled, and the process's own files in /proc.
  explicit Sandbox(const std::filesystem::path& writable);
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  /// Confines the calling process and what it starts, for good. Between fork and exec: async-signal-safe. False, with
  /// errno, where the kernel refuses what it said it could do.
  [[nodiscard]] bool enter() const noexcept;

  /// The descriptor that enter() needs, to be kept open until then; -1 for none.
  [[nodiscard]] int descriptor() const { return m_rules; }

  /// What this kernel can do, in words: `no network, writes only to the run directory`, `no network`, `none`.
  [[nodiscard]] std::string level() const;

 private:
  int m_rules = -1;  // Landlock's ruleset; -1 where the kernel has none
  bool m_filters = false;
};

}  // namespace goldseal
