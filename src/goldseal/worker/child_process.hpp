// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal {

using Deadline = std::chrono::steady_clock::time_point;

/// The descriptor at which a worker finds its end of the protocol's socket.
inline constexpr int k_channel_descriptor = 3;

struct ChildSpec {
  std::filesystem::path executable;
  std::vector<std::string> arguments;      ///< without the program's own name
  std::vector<std::string> environment;    ///< `NAME=value`, all of it
  const class Sandbox* sandbox = nullptr;  ///< what confines it; null for nothing
};

/// How a process ended.
struct Ending {
  int exit_code = 0;
  int signal = 0;  ///< 0: it left by itself

  /// `exit code 3`, `signal 11 (SIGSEGV)`.
  [[nodiscard]] std::string describe() const;
};

/// The last bytes of a stream that may be endless.
class OutputTail {
 public:
  void append(std::string_view bytes);
  [[nodiscard]] const std::string& text() const { return m_text; }
  [[nodiscard]] std::uint64_t total() const { return m_total; }

 private:
  std::string m_text;
  std::uint64_t m_total = 0;
};

/// A supervised process: its own process group, ended with its parent, its output kept to a tail, a socket for the
/// protocol and no other descriptor of ours. Passive: it acts only inside `wait`. At the end of the object's life the
/// process is gone, and so is everything that it started (keeper.hpp), and nothing else: other children of the calling
/// program, and its signal handlers, are left alone. Its environment gets GOLDSEAL_WORKER_RUN.
class ChildProcess {
 public:
  /// Starts it. Throws Error{worker} where it cannot be executed.
  explicit ChildProcess(const ChildSpec& spec);
  /// No process of ours: one that started this program and speaks over that descriptor. It is not ended with the
  /// object.
  explicit ChildProcess(int channel);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  enum class Want { read, write };
  enum class Event { channel_ready, ended, output_flood, deadline, interrupted };

  /// Blocks until the channel is readable or writable, the process has ended, its output passes every bound, or the
  /// time is up; meanwhile drains its output. `ended` is reported only when the channel holds nothing more to read.
  [[nodiscard]] Event wait(Want want, Deadline deadline);

  [[nodiscard]] int channel() const { return m_channel; }
  [[nodiscard]] const OutputTail& output() const { return m_output; }
  [[nodiscard]] const OutputTail& errors() const { return m_errors; }

  /// Kills what is left of it and reaps it; the ending is that of the process itself. Idempotent.
  Ending stop();

 private:
  void drain(int& descriptor, OutputTail& tail) const;
  void close_all();
  Ending end_process();

  int m_pid = -1;    // of the keeper
  int m_leash = -1;  // this side's end: readable when the process has ended
  std::string m_mark;
  int m_channel = -1;
  int m_out = -1;
  int m_err = -1;
  OutputTail m_output;
  OutputTail m_errors;
  std::optional<Ending> m_ending;
};

/// The calling process's environment, with some variables replaced or added.
[[nodiscard]] std::vector<std::string> environment_with(
    const std::vector<std::pair<std::string, std::string>>& changes);

}  // namespace goldseal
