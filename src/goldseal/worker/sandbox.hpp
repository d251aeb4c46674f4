// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/filter.h>

#include <filesystem>
#include <string>
#include <vector>

namespace goldseal {

/// Keeps a worker, which runs a stranger's model, from the network, from other programs and from other people's files,
/// as far as this kernel can.
///
/// Closed by seccomp: sockets of any family but AF_UNIX and the kernel's own (netlink); connections to other programs'
/// sockets; modes, owners, times and attributes of files; what only an administrator may do (mounts, modules, clocks,
/// keys). A worker of root loses all capabilities but those of reading. Closed by Landlock (Linux 5.13): writing
/// outside the directory; devices but those that a model needs; `truncate` from Linux 6.2 on, signals to other programs
/// and their abstract sockets from 6.12 on.
///
/// Left open: reading every file that the user may read, since PyTorch's libraries may lie anywhere; shared memory
/// (/dev/shm); the GPUs; the priorities of the user's other processes, and on older kernels signals to them. Needs no
/// privileges.
class Sandbox {
 public:
  /// `writable` is the directory that may be written to.
  explicit Sandbox(const std::filesystem::path& writable);
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  /// Confines the calling process and what it starts, for good. Between fork and exec: async-signal-safe. False, with
  /// errno, where the kernel refuses what it said it could do.
  [[nodiscard]] bool enter() const noexcept;

  /// The descriptor that enter() needs, to be kept open until then; -1 for none.
  [[nodiscard]] int descriptor() const { return m_rules; }

  /// What this kernel can do, in words: `no network, no other program's sockets, writes only to the run directory and
  /// shared memory`, `none`.
  [[nodiscard]] std::string level() const;

 private:
  int m_version = 0;  // Landlock's; 0 where the kernel has none
  int m_rules = -1;   // its ruleset
  bool m_gpus = false;
  std::vector<sock_filter> m_filter;  // empty where system calls are not filtered
};

}  // namespace goldseal
