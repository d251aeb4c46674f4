// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/cli/node_report.hpp>
#include <goldseal/cli/signature_options.hpp>
#include <goldseal/cli/verb.hpp>
#include <goldseal/workflow/verify/verify.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace goldseal::cli {

/// `--allow-missing` and `--allow-unexpected`, which `capture` has too.
void declare_admission(CLI::App& app, std::vector<std::string>& missing, std::vector<std::string>& unexpected);

/// `--trust-code`, which `verify` has: `true`, `false` or `signed`.
void declare_trust_code(CLI::App& app, std::string& said);

/// The options that `verify` and `check` share.
struct JudgeOptions {
  std::string seal;
  std::string checkpoint;
  std::string model;
  std::string trust_code = "false";  ///< `true`, `false`, or `signed`: where the seal's signer counts
  SignatureOptions signature = {};
  std::string model_signature = {};
  std::vector<std::string> model_keys = {};
  std::string policy = std::string(k_default_policy);

  NodeOptions node = {};
  std::vector<std::string> allow_missing = {};
  std::vector<std::string> allow_unexpected = {};

  void declare(CLI::App& app);
  /// Throws Error{usage} for a policy or a model that makes no sense. Opens the seal where its signature is demanded,
  /// and throws what open_seal throws then.
  void fill(JudgeRequest& request, const CommonOptions& common) const;
  /// Every file that the verb reads, as far as it is known beforehand: what no report may be written over.
  [[nodiscard]] std::vector<std::filesystem::path> inputs(const CommonOptions& common) const;
};

/// Throws Error{usage} where a goldseal.toml that was merely found chose a policy that asks less than the default: it may
/// have come with what is to be judged.
void require_own_policy(const Policy& policy, const CommonOptions& common);

}  // namespace goldseal::cli
