// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/policy.hpp>
#include <goldseal/cli/verb.hpp>
#include <goldseal/signing/seal_signature.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace goldseal::cli {

/// What is asked of a seal's signature: for the verbs that read seals.
struct SignatureOptions {
  std::string mode = {};  ///< off, warn, require; empty: as the keys and the policy say
  std::vector<std::string> signed_by = {};
  std::vector<std::string> identities = {};
  std::string certificate_time = {};  ///< a moment, as the user wrote it; of the command line alone
  std::string file = {};              ///< the signature, where it does not lie in the seal
  signing::Demand implied = signing::Demand::require;  ///< what --signed-by alone asks of the seal

  void declare(CLI::App& app);
  /// What these options and the policy ask for together: the command line and variables go before the policy, and the
  /// policy before goldseal.toml, which may be anybody's. Throws Error{usage} where a signature is asked for and no key
  /// counts. Where the keys are the command line's or a variable's, nothing of a file that was merely found lessens
  /// what is asked of a signature by them.
  [[nodiscard]] signing::SignatureDemand demand(const Policy& policy, const CommonOptions& common) const;
  /// Whose attestations count: those of the same keys, whatever is asked of the seal. Throws Error{usage} without any,
  /// and where a stranger may have named them.
  [[nodiscard]] signing::Signers attestors(const Policy& policy, const CommonOptions& common) const;
  /// The signers of these files, judged for the moment that the user gave. Throws Error{usage} for one that is none.
  [[nodiscard]] signing::Signers signers(const std::vector<std::string>& files, const std::vector<std::string>& names) const;
  /// Throws Error{usage} where a stranger may have named the signers that `asked_by`, a flag, relies on.
  void require_own_signers(std::string_view asked_by, const CommonOptions& common) const;
};

}  // namespace goldseal::cli
