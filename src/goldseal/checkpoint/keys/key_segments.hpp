// SPDX-License-Identifier: Apache-2.0
// DataParallel, torch.compile and trainers put segments before or into every name. This file knows
// those segments. Deciding whether to remove them is left to keys.cpp.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace goldseal {

/// True for a segment that a wrapper module puts into the names below it, anywhere in a path: `module`, `_orig_mod` …
[[nodiscard]] bool is_wrapper_segment(std::string_view segment);

/// True for a segment that a training framework puts before all names: Lightning's `model`, an EMA's `ema_model` …
[[nodiscard]] bool is_leading_segment(std::string_view segment);

/// The name without its wrapper segments; never empty, for the last segment stays.
[[nodiscard]] std::string without_wrappers(std::string_view name);

/// The segments of `longer` that are not in `shorter`, in order, where `shorter` is `longer` with segments left out
/// that is_wrapper_segment or, at the front, is_leading_segment names. False where it is not.
[[nodiscard]] bool removed_between(std::string_view longer, std::string_view shorter,
                                   std::vector<std::string_view>& removed);

}  // namespace goldseal
