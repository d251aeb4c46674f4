// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/check.hpp>
#include <goldseal/signing/signature_finding.hpp>

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal {

/// What a policy says of one check; what it leaves open stays as the policy it extends, or the check itself, has it.
struct CheckPolicy {
  std::optional<Rule> rule;
  std::optional<Severity> severity;
  bool users_own = false;  ///< the severity stands in the user's policy, not in one that ships with goldseal
};

/// Leave to breach one check until a day.
struct Waiver {
  std::string check;
  std::string reason;
  std::string until;  ///< the last day on which it holds, `2026-12-31` (UTC)
};

/// Which rule holds for each check, and how grave a breach is.
struct Policy {
  std::string name;
  int permitted_bits = 24;  ///< see CheckSettings
  std::string device;       ///< where the machines that it judges serve: `cpu`, `cuda`; empty: as sealed
  std::optional<signing::Demand> signature;  ///< what is asked of the seal's signature; nothing where it says none
  std::vector<std::string> signed_by;        ///< files with the keys and certificates that count
  std::vector<std::string> identities;       ///< of signers whom an authority among those vouches for
  std::map<std::string, CheckPolicy, std::less<>> checks;
  std::vector<Waiver> waivers;
  std::string sha256 = {};  ///< of its text: two policies of one name may have other rules
  /// The texts that it was read from, the base first: their names, and the SHA-256 of each in hexadecimal digits.
  std::vector<std::pair<std::string, std::string>> sources = {};
};

/// A policy that ships with goldseal.
struct ShippedPolicy {
  std::string_view name;
  std::string_view text;
};
[[nodiscard]] std::span<const ShippedPolicy> shipped_policies();

inline constexpr std::string_view k_default_policy = "deploy";

/// `strict`, `deploy`, `portable`, or a file. Throws Error{usage} that names file, line and key where the policy makes
/// no sense.
[[nodiscard]] Policy load_policy(const std::string& name_or_file);

/// A policy from its text. `where` names it in errors.
[[nodiscard]] Policy read_policy(std::string_view text, const std::string& where);

[[nodiscard]] CheckSettings settings_for(const Policy& policy, const Check& check);

}  // namespace goldseal
