// SPDX-License-Identifier: Apache-2.0
#include <checks/policy_strictness.hpp>

#include <fmt/format.h>

namespace goldseal {
namespace {

// Orders that are no chain (a list and a version, a value of the policy's own) count as less: the user can name the file.
bool asks_less(const Rule& rule, const Rule& base) {
  if (base.kind == RuleKind::ignore || rule == base) return false;
  if (!rule.values.empty()) return true;
  if (rule.kind == RuleKind::equal) return false;
  return !(rule.kind == RuleKind::same_minor && base.kind == RuleKind::same_major);
}

std::string weakening(const Policy& policy, const Policy& base, const Check& check) {
  const auto found = settings_for(policy, check);
  const auto wanted = settings_for(base, check);
  if (wanted.severity == Severity::info) return {};
  if (found.severity < wanted.severity)
    return fmt::format("{} is {}, not {}", check.id, to_string(found.severity), to_string(wanted.severity));
  if (asks_less(found.rule, wanted.rule))
    return fmt::format("{} is judged by {}, not {}", check.id, to_string(found.rule.kind), to_string(wanted.rule.kind));
  return {};
}

}  // namespace

std::string weakening(const Policy& policy, const Policy& base) {
  for (const auto& check : catalogue()) {
    if (auto found = weakening(policy, base, check); !found.empty()) return found;
  }
  if (policy.permitted_bits < base.permitted_bits)
    return fmt::format("a run may have a precision of {} bits, not {}", policy.permitted_bits, base.permitted_bits);
  if (!policy.device.empty() && policy.device != base.device)
    return fmt::format("machines are judged for {}, not for the device that was sealed", policy.device);
  if (!policy.waivers.empty()) return fmt::format("{} is waived until {}", policy.waivers.front().check, policy.waivers.front().until);
  return {};
}

}  // namespace goldseal
