// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/manifest/environment.hpp>

namespace goldseal {

/// Takes out of facts that a worker told what ProbeOptions::anonymous leaves out of goldseal's own: directories in
/// values and origins. Versions stay.
[[nodiscard]] Environment without_directories(const Environment& environment);

}  // namespace goldseal
