// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace goldseal {

struct OpenOptions {
  /// Which state dict of a wrapped checkpoint, `.` for the top level; empty: the only plausible one.
  std::string entry = {};
  /// Where several are plausible: the largest, instead of an Error{usage} that lists them.
  bool any_entry = false;
  /// The network that Darknet weights belong to: they are numbers without names or shapes.
  std::filesystem::path darknet_cfg = {};
};

}  // namespace goldseal
