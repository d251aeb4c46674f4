// SPDX-License-Identifier: Apache-2.0
// Causes of names that stand on one side alone.
#pragma once

#include <goldseal/checkpoint/keys/key_case.hpp>

namespace goldseal {

/// The names of another public code base.
[[nodiscard]] KeyGuess another_family(const KeyCase& c);
/// One side has a prefix before all of its names.
[[nodiscard]] KeyGuess another_prefix(const KeyCase& c);
/// The network is a part of what was saved: a student beside its teacher, a backbone beside its heads.
[[nodiscard]] KeyGuess part_of_more(const KeyCase& c);
/// One module that was renamed, put in or taken out, or a few.
[[nodiscard]] KeyGuess renamed_segments(const KeyCase& c);
/// More or fewer entries in one list of parts.
[[nodiscard]] KeyGuess length_of_list(const KeyCase& c);
/// Tables that the network's code computes, missing alone.
[[nodiscard]] KeyGuess computed_buffers(const KeyCase& c);
/// An average whose names lost their dots.
[[nodiscard]] KeyGuess flattened_ema(const KeyCase& c);
/// The same names, put together by another character than a dot.
[[nodiscard]] KeyGuess other_separators(const KeyCase& c);
/// Not one name on both sides.
[[nodiscard]] KeyGuess nothing_in_common(const KeyCase& c);
/// What is left: how many names differ, and the nearest.
[[nodiscard]] KeyGuess some_names(const KeyCase& c);

}  // namespace goldseal
