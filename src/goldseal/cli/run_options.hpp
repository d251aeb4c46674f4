// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/cli/verb.hpp>
#include <goldseal/worker/device_request.hpp>
#include <goldseal/worker/runtime.hpp>
#include <goldseal/worker/worker.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace goldseal::cli {

/// The options of the verbs that run a model: `capture` and `verify`.
struct RunOptions {
  explicit RunOptions(std::chrono::seconds limit) : timeout(static_cast<int>(limit.count())) {}

  std::string runtime;  ///< empty: what fits the network
  int timeout;          ///< seconds
  int threads = 0;      ///< 0: PyTorch's own choice
  std::string device;   ///< empty: where it was sealed; at a capture, where the worker runs by itself
  bool no_sandbox = false;

  void declare(CLI::App& app);
  /// Into a CaptureRequest or a VerifyRequest.
  template <typename Request>
  void fill(Request& request) const {
    request.limit = std::chrono::seconds(timeout);
    if (threads > 0) request.threads = threads;
    if (!device.empty()) request.device = parse_device(device);
    if (no_sandbox) request.confinement = Confinement::none;
  }
};

}  // namespace goldseal::cli
