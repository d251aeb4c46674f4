// SPDX-License-Identifier: Apache-2.0
// Where memory ends, std::bad_alloc is caught and told. Some functions of the standard library that may allocate are
// declared noexcept (libstdc++'s reading of directories is), and there the exception would end the process as a crash.
#pragma once

namespace goldseal {

/// From here on such an end is told on standard error in one line, and the process leaves with `exit_code`; any other end
/// by std::terminate stays a crash, so that a defect is seen. Once, from main, before any thread starts.
void tell_end_of_memory(int exit_code);

}  // namespace goldseal
