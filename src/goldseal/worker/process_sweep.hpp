// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/worker/child_process.hpp>

namespace goldseal {

/// Makes orphans of this process's descendants its children, so that a grandchild that left its group (setsid) can
/// still be found.
void become_subreaper();

/// A worker that was started: until its own kill_and_reap, that of another leaves it alone.
void note_started(int pid);

/// If the process has not ended it is given a moment, then killed with its whole group; everything that it left behind
/// is killed and reaped too. Returns how the process itself ended.
Ending kill_and_reap(int pid);

}  // namespace goldseal
