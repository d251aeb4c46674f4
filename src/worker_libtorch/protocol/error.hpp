// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "darknet/refusal.hpp"

namespace goldseal::worker {

/// Turns the exception being handled into a Refusal: c10::Error without its backtrace, std::bad_alloc as `memory`.
/// Call it inside a catch block.
Refusal refusal_from_current_exception();

}  // namespace goldseal::worker
