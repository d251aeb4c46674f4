// SPDX-License-Identifier: Apache-2.0
// The layers of a batch are those of all its rows, and sealed sketches are of one. Workers cut the part of one row out of
// a layer before they sketch it; whether that is the row's is known where it agreed when it was sealed. This file asks
// for the parts and finds the first that differs.
#pragma once

#include <goldseal/golden/file/golden_file.hpp>
#include <goldseal/workflow/answers/case_runner.hpp>

#include <cstddef>
#include <optional>
#include <string>

namespace goldseal {

/// How the part of one row is cut out of a layer, a letter for each sealed layer.
inline constexpr char k_any_part = '?';    ///< not known: either of the next two
inline constexpr char k_in_blocks = 'c';   ///< the rows lie one after the other
inline constexpr char k_in_turn = 'i';     ///< interleaved, as in [tokens · rows, features]
inline constexpr char k_no_part = '-';     ///< no part agrees with the row alone

/// A case at a row of a batch.
struct CaseAtRow {
  const BatchRecord& batch;
  const golden::GoldenTensors& golden;
  std::size_t row = 0;
};

/// Of `letters`, those that a run of a batch in which the case agrees confirms; `-` for the others.
[[nodiscard]] std::string parts_that_agree(const CaseRunner& runner, const RunRequest& request, const CaseAtRow& at,
                                           const std::string& letters);

/// Follows the layers of a run along the sealed ones, as far as their parts are known; with empty `letters`, by whichever
/// part is nearer. Nothing where layers are not sealed or cannot be followed.
[[nodiscard]] std::optional<golden::LayerTrace> trace_row(const CaseRunner& runner, const RunRequest& request,
                                                          const CaseAtRow& at, const std::string& letters);

}  // namespace goldseal
