// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

namespace goldseal {

/// What the changed names have in common and no other name has, in words: `each q_proj.weight and v_proj.weight`, `all of
/// layers.2`, `each bias`. It tells what was trained, or merged, apart from the rest. Empty where there is nothing such.
[[nodiscard]] std::string changed_part(std::span<const std::string> changed, std::span<const std::string> same);

}  // namespace goldseal
