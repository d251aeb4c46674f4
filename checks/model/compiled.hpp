// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/observation.hpp>

namespace goldseal {

/// Whether a live model that serves compiled (torch.compile) was judged by the code under it.
[[nodiscard]] bool compiled_form_left_out(const Observation& observed);

}  // namespace goldseal
