// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/check.hpp>

#include <string_view>

namespace goldseal {

/// The finding on a match of keys; `whose` names the side that was wanted: `the network`, `the seal`.
[[nodiscard]] Finding judge_keys(const KeyObservation& keys, std::string_view whose);

}  // namespace goldseal
