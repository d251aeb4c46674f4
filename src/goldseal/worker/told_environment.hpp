// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/manifest/environment.hpp>

#include <string_view>

namespace goldseal {

/// Puts what a worker tells over what was read of the machine. `python.*` then describes the interpreter that runs the
/// model and no other: that of a Python worker, and none where LibTorch runs it. Of the packages that a worker names
/// those are kept that can change answers (environment/libraries/python_packages.hpp).
void add_told(Environment& machine, const Environment& told, std::string_view runtime);

}  // namespace goldseal
