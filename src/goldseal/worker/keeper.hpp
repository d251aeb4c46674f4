// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>

// A worker's descendants may leave its process group and its session. What they cannot leave is the keeper: a process
// between goldseal and the worker, to which the kernel hands every descendant that loses its parent. The keeper ends
// them all, so that goldseal itself adopts nobody and kills nobody: a program that links this library, PID 1 of a
// container and `sh -c 'agent & exec goldseal …'` keep the children that they had.
namespace goldseal {

/// How a process ended, as waitpid's status.
struct KeptEnding {
  std::optional<int> status;  ///< nothing where the keeper could not tell
  bool keeper_told = false;   ///< false: the keeper itself was ended, and may have left something behind
};

/// Splits the calling process, which was just forked, in two: a child in which this returns, and the keeper, in which
/// it does not. `leash` is the keeper's end of a socket pair: it writes the child's status there, and takes the other
/// end's closing, or its owner's death, as the order to end everything. Returns the keeper's pid, or -1 with errno.
/// Async-signal-safe.
[[nodiscard]] pid_t split_off_keeper(int leash) noexcept;

/// Gives the order to end, unless the child ends by itself within `grace`; waits until all is gone, at most `limit`.
/// `keeper` is reaped. `leash` is this side's end of the pair, and is closed.
[[nodiscard]] KeptEnding end_kept(pid_t keeper, int leash, std::chrono::milliseconds grace,
                                  std::chrono::milliseconds limit);

/// The second line, for a model that ended its keeper: kills the processes that hold this variable in their
/// environment, `NAME=value`, as it was given to the worker.
void kill_marked(const std::string& variable);

}  // namespace goldseal
