// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/cli/verb.hpp>
#include <goldseal/signing/sign.hpp>

#include <string>

namespace goldseal::cli {

/// With what a verb signs: `sign` and `attest`.
struct SigningOptions {
  std::string key = {};
  std::string passphrase_file = {};
  int passphrase_descriptor = -1;
  std::string certificate = {};
  std::string chain = {};
  std::string pae = {};
  std::string attach = {};
  std::string public_key = {};

  void declare(CLI::App& app);
  /// Throws Error{usage} where these options do not make one way to sign.
  void require_one_way() const;
  /// The bytes to sign elsewhere were asked for.
  [[nodiscard]] bool writes_pae() const { return !pae.empty(); }
  /// Key, certificates and signature as the options name them, but for `--pae`. Asks for a passphrase where the key
  /// needs one.
  [[nodiscard]] signing::SigningMeans means() const;
};

}  // namespace goldseal::cli
