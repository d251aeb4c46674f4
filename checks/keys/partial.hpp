// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/check.hpp>

namespace goldseal {

/// Where what was admitted is judged.
enum class PartialAt { capture, verify };

/// The finding on what was admitted. What the answers depend on passes only with a value that is the same wherever the
/// network is built: at a capture that of another build, later that of the seal.
[[nodiscard]] Finding judge_partial(const PartialFindings& partial, PartialAt at);

}  // namespace goldseal
