// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace goldseal {

/// What a renderer may know of where its text goes.
struct RenderOptions {
  bool color = false;
  bool unicode = true;
  bool verbose = false;  ///< passes and skips one by one, and the stages' times
  unsigned width = 100;  ///< columns of the terminal
  bool step_summary = false;  ///< GitHub's page of the step holds the whole report
};

}  // namespace goldseal
