// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace goldseal {

/// From here on SIGINT, SIGTERM and SIGHUP are noted instead of ending the process; calls that fail
/// take the place of SIGPIPE and SIGXFSZ, and children can be waited for, even where the caller ignores SIGCHLD. Once,
/// from main.
void catch_interrupts();

/// The signal that asked to stop, 0 for none.
[[nodiscard]] int interrupting_signal();

/// Readable once there was one: for poll.
[[nodiscard]] int interrupt_descriptor();

/// Throws Error{interrupted} where a signal has asked to stop, and what throw_if_cut throws. Long loops call it, and
/// whoever is about to write, show or judge.
void throw_if_interrupted();

/// Ends the process by the signal that was noted, as the shell expects it.
[[noreturn]] void end_by_signal();

}  // namespace goldseal
