// SPDX-License-Identifier: Apache-2.0
// A seal may name code, and each form of code is run by somebody else: a callable and a library by a worker, where the
// user says so; a C++ program's own network by that program alone. This file says who, so that no finding sends its
// reader to an option that cannot help.
#pragma once

#include <goldseal/manifest/manifest.hpp>

#include <string>

namespace goldseal {

/// What to do so that the code that `sealed` names is run; `sealed.builder` is one whose network is code.
[[nodiscard]] std::string how_to_run(const ModelRecord& sealed);

}  // namespace goldseal
