// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <checks/observation.hpp>
#include <checks/rules.hpp>
#include <goldseal/verdict/finding.hpp>

#include <span>
#include <string_view>

namespace goldseal {

/// How the policy wants a check to be applied.
struct CheckSettings {
  Rule rule;  ///< used by the checks that compare a fact
  Severity severity = Severity::fail;
  bool users_own_severity = false;  ///< the user's policy says how grave a breach is: it counts wherever it is found
  int permitted_bits = 24;  ///< the least precision that a native run may have: 24 float32, 11 TF32, 8 bfloat16
};

/// Who asks a check. What only a capture measures is not asked of a target; some of the others are asked by both.
enum class AskedBy { verify, capture };

/// One check: a pure function of what was observed. `judge` fills status, message, expected, actual, remedy, and
/// detail; the runner sets id and severity, and turns a failure into a warning where the policy says so. A check that
/// does not apply returns `skipped` with the reason.
struct Check {
  std::string_view id;           ///< `golden.float64`
  std::string_view title;        ///< one line for lists
  std::string_view explanation;  ///< for `goldseal explain`: what it compares, why it matters, what to do
  Severity severity = Severity::fail;
  Rule rule = {};  ///< the default, where the check compares a fact
  Finding (*judge)(const Observation& observed, const CheckSettings& settings) = nullptr;
  /// For a check without `judge`, which compares one fact of the two machines by `rule`: the fact, and what to do on a
  /// breach.
  std::string_view fact = {};
  std::string_view remedy = {};
  AskedBy asked_by = AskedBy::verify;
};

/// All checks in the order in which they are judged and reported.
[[nodiscard]] std::span<const Check> catalogue();
[[nodiscard]] const Check* find_check(std::string_view id);

/// Short forms for the results of `judge`.
[[nodiscard]] Finding passed(std::string message);
[[nodiscard]] Finding skipped(std::string reason);
[[nodiscard]] Finding undecided(std::string message, std::string remedy = {});
[[nodiscard]] Finding failed(std::string message, std::string expected, std::string actual, std::string remedy);

}  // namespace goldseal
