// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/filter.h>

#include <vector>

namespace goldseal {

/// The seccomp program of the sandbox: which system calls a model's code may not make, and what they answer. Empty
/// where the kernel filters none, or on a processor whose calls are not known here.
[[nodiscard]] std::vector<sock_filter> system_call_filter();

}  // namespace goldseal
