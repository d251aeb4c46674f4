// SPDX-License-Identifier: Apache-2.0
// Some files leave a question open: which of several state dicts, or which Darknet network.
// OpenOptions carries the user's answer to the reader that asks.
#pragma once

#include <filesystem>
#include <string>

namespace goldseal {

struct OpenOptions {
  /// Which state dict of a wrapped checkpoint, `.` for the top level; empty: the only plausible one.
  std::string entry = {};
  /// To look into the file: where several are plausible, the largest; what no network can be given (pieces of tensors,
  /// tensors of subclasses, values of unknown classes) is listed and noted. Without it each is an error that says so.
  bool show_all = false;
  /// The network that Darknet weights belong to: they are numbers without names or shapes.
  std::filesystem::path darknet_cfg = {};
};

}  // namespace goldseal
