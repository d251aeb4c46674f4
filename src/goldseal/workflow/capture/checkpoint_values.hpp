// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/checkpoint/tensors/checkpoint.hpp>
#include <goldseal/workflow/capture/capture_log.hpp>

namespace goldseal {

/// Warns of values that look lost (tensors.values): by each byte of the files without checksums, and, where the answers
/// are `doubtful`, by each number of the floating tensors.
void judge_checkpoint_values(const Checkpoint& checkpoint, bool doubtful, CaptureLog& log);

}  // namespace goldseal
