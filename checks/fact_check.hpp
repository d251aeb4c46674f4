// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/check.hpp>

namespace goldseal {

/// Compares the check's fact of the sealed machine with this one's by the policy's rule. A fact that the seal does not
/// have is skipped; one that only the seal has is undecided.
[[nodiscard]] Finding compare_fact(const Check& check, const Observation& observed, const CheckSettings& settings);

}  // namespace goldseal
