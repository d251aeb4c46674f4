// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/cli/verb.hpp>
#include <goldseal/workflow/verify/verify.hpp>

#include <string>

namespace goldseal::cli {

/// The options that `verify` and `check` share.
struct JudgeOptions {
  std::string seal;
  std::string checkpoint;
  std::string model;
  std::string policy = std::string(k_default_policy);

  void declare(CLI::App& app);
  /// Throws Error{usage} for a policy or a model that makes no sense.
  void fill(JudgeRequest& request) const;
};

}  // namespace goldseal::cli
