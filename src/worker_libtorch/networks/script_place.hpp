// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/class_type.h>

#include <string>

namespace goldseal::worker {

/// The path of the submodule of `root` that TorchScript's interpreter is in on this thread: `blocks.0.attention`;
/// empty in the root's own code. TorchScript names a member of a ModuleList without its list: the list is found again
/// where only one has such a member, and left out where several do.
std::string script_place(const c10::ClassTypePtr& root);

}  // namespace goldseal::worker
