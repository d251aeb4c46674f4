// SPDX-License-Identifier: Apache-2.0
// Values of a network contain each other: modules, arguments, outputs. What a file nests without end would exhaust the
// stack.
#pragma once

#include "protocol/error.hpp"

#include <string>

namespace goldseal::worker {

/// Throws Refusal `unsupported` where `what` (`the outputs`) goes deeper than any network's.
inline void require_shallow(int depth, const char* what) {
  constexpr int k_max_depth = 256;
  if (depth > k_max_depth) throw Refusal(RefusalKind::unsupported, std::string(what) + " are nested too deeply");
}

}  // namespace goldseal::worker
