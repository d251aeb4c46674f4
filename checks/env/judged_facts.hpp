// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace goldseal {

/// What becomes of a fact that is recorded of a machine.
struct JudgedFact {
  std::string_view fact;   ///< a glob over the names of manifests/FORMAT.md: `gpu.*.name`
  std::string_view check;  ///< the check that looks at it; empty: it only informs a reader
  std::string_view why;    ///< where it only informs: what for
};

/// The first row that fits decides.
[[nodiscard]] std::span<const JudgedFact> judged_facts();

/// The row of a fact; null for one that no row names.
[[nodiscard]] const JudgedFact* find_judged(std::string_view fact);

}  // namespace goldseal
