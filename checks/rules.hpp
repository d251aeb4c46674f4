// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <goldseal/manifest/environment.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal {

/// How what is found on a machine must relate to what was sealed.
enum class RuleKind {
  equal,       ///< the same value; a list: the same members in any order
  same_major,  ///< versions whose first number is the same
  same_minor,  ///< versions whose first two numbers are the same
  at_least,    ///< a number or version not below
  superset,    ///< a list with at least these members
  one_of,      ///< one of the rule's own values, whatever was sealed
  ignore,      ///< anything, also nothing
};

[[nodiscard]] std::string_view to_string(RuleKind kind);
/// By the name that policies use: `same-major`.
[[nodiscard]] std::optional<RuleKind> parse_rule_kind(std::string_view name);
/// The names that policies may use, in the order of the enum.
[[nodiscard]] const std::vector<std::string>& rule_names();

struct Rule {
  RuleKind kind = RuleKind::equal;
  /// `one-of` needs them. Any other kind but `ignore`: where they are given they stand in for the sealed value (one
  /// value for `equal`, `same-*` and `at-least`, any number for `superset`), so that a policy can ask for `at-least
  /// 580.65`.
  std::vector<std::string> values;
  friend bool operator==(const Rule&, const Rule&) = default;
};

enum class RuleOutcome {
  holds,
  broken,
  unsealed,      ///< the seal does not say, and the rule has no values of its own
  missing,       ///< the machine does not say
  incomparable,  ///< the two cannot be compared by this rule: a list by `at-least`, text that is not a version
};

struct RuleResult {
  RuleOutcome outcome = RuleOutcome::holds;
  std::string expected;  ///< `at least 2.1.0`, `13.x`; empty for `ignore` and where nothing is known to expect
  std::string actual;    ///< what was found, `nothing` where the fact is missing
  std::string detail;    ///< of a breach: what is wrong in a few words, `lacks avx512f`; else empty
};

/// Holds one fact of a machine against what was sealed; either may be missing (nullptr). Does no I/O.
[[nodiscard]] RuleResult judge(const Rule& rule, const Fact* sealed, const Fact* found);

}  // namespace goldseal
