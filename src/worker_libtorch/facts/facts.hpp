// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include <string>

namespace goldseal::worker {

/// The version that the LibTorch in this process was built as, from its own build settings; empty if they do not say.
std::string loaded_torch_version();

/// What this process knows about its PyTorch: an object from a dotted name to {"value", "origin"}. What cannot be known
/// is absent. `gpu_library_error` is what open_gpu_library() gave.
nlohmann::json environment_facts(const std::string& gpu_library_error);

}  // namespace goldseal::worker
