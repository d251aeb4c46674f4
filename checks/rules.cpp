// SPDX-License-Identifier: Apache-2.0
#include <checks/rules.hpp>

#include <goldseal/environment/shared/version.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <compare>
#include <utility>

namespace goldseal {
namespace {

constexpr std::array<std::pair<RuleKind, std::string_view>, 7> k_rule_names{{
    {RuleKind::equal, "equal"},
    {RuleKind::same_major, "same-major"},
    {RuleKind::same_minor, "same-minor"},
    {RuleKind::at_least, "at-least"},
    {RuleKind::superset, "superset"},
    {RuleKind::one_of, "one-of"},
    {RuleKind::ignore, "ignore"},
}};

using Strings = std::vector<std::string>;

Strings members(const FactValue& value) {
  auto list = std::holds_alternative<Strings>(value) ? std::get<Strings>(value) : Strings{to_string(value)};
  std::ranges::sort(list);
  list.erase(std::unique(list.begin(), list.end()), list.end());  // std::ranges::unique needs more than Clang 14 knows
  return list;
}

std::optional<double> as_number(const FactValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return static_cast<double>(*integer);
  if (const auto* number = std::get_if<double>(&value)) return *number;
  return std::nullopt;
}

// A rule's values are text; next to a number in the fact they are read as one.
std::optional<double> as_number_beside(const FactValue& value, const FactValue& other) {
  if (const auto* text = std::get_if<std::string>(&value); text != nullptr && as_number(other)) {
    double number = 0;
    const auto* const end = text->data() + text->size();
    const auto result = std::from_chars(text->data(), end, number);
    return result.ec == std::errc{} && result.ptr == end ? std::optional(number) : std::nullopt;
  }
  return as_number(value);
}

std::optional<Version> as_version(const FactValue& value) {
  const bool is_list = std::holds_alternative<Strings>(value);
  return is_list || std::holds_alternative<bool>(value) ? std::nullopt : parse_version(to_string(value));
}

bool is_equal(const FactValue& wanted, const FactValue& found) {
  if (std::holds_alternative<Strings>(wanted) || std::holds_alternative<Strings>(found))
    return members(wanted) == members(found);
  const auto a = as_number_beside(wanted, found);
  const auto b = as_number_beside(found, wanted);
  return a && b ? *a == *b : to_string(wanted) == to_string(found);
}

// The order of what was found against what is wanted; nothing where the two have no order.
std::optional<std::partial_ordering> order(const FactValue& wanted, const FactValue& found) {
  const auto a = as_number_beside(found, wanted);
  const auto b = as_number_beside(wanted, found);
  if (a && b) return *a <=> *b;
  const auto version = as_version(found);
  const auto minimum = as_version(wanted);
  if (version && minimum) return *version <=> *minimum;
  return std::nullopt;
}

std::string leading_numbers(const Version& version, std::size_t places) {
  std::string text;
  for (std::size_t i = 0; i < places; ++i) text += fmt::format("{}.", version.number(i));
  return text + "x";
}

RuleResult result(RuleOutcome outcome, std::string expected, const FactValue& found, std::string detail = {}) {
  return {outcome, std::move(expected), to_string(found), std::move(detail)};
}

RuleResult judged(bool holds, std::string expected, const FactValue& found, std::string detail) {
  return result(holds ? RuleOutcome::holds : RuleOutcome::broken, std::move(expected), found,
                holds ? std::string() : std::move(detail));
}

RuleResult judge_equal(const FactValue& wanted, const FactValue& found) {
  return judged(is_equal(wanted, found), to_string(wanted), found, "differs");
}

RuleResult judge_same(const FactValue& wanted, const FactValue& found, std::size_t places) {
  const auto a = as_version(wanted);
  const auto b = as_version(found);
  if (!a || !b) return result(RuleOutcome::incomparable, to_string(wanted), found, "not a version");
  const auto* const what = places == 1 ? "another major version" : "another minor version";
  return judged(a->same_until(*b, places), leading_numbers(*a, places), found, what);
}

RuleResult judge_at_least(const FactValue& wanted, const FactValue& found) {
  const auto expected = fmt::format("at least {}", to_string(wanted));
  const auto compared = order(wanted, found);
  if (!compared) return result(RuleOutcome::incomparable, expected, found, "no order between the two");
  return judged(*compared >= 0, expected, found, "too low");
}

RuleResult judge_superset(const FactValue& wanted, const FactValue& found) {
  const auto have = members(found);
  Strings lacking;
  std::ranges::set_difference(members(wanted), have, std::back_inserter(lacking));
  return judged(lacking.empty(), fmt::format("all of {}", to_string(wanted)), found,
                fmt::format("lacks {}", fmt::join(lacking, ", ")));
}

RuleResult judge_one_of(const Strings& values, const FactValue& found) {
  const auto is_found = [&](const std::string& value) { return is_equal(FactValue(value), found); };
  return judged(std::ranges::any_of(values, is_found), fmt::format("one of {}", fmt::join(values, ", ")), found,
                fmt::format("{} is not one of the allowed values ({})", to_string(found), fmt::join(values, ", ")));
}

// What the rule's own values ask for, if it has any, else what was sealed.
std::optional<FactValue> wanted_by(const Rule& rule, const Fact* sealed) {
  if (rule.values.empty()) return sealed == nullptr ? std::nullopt : std::optional(sealed->value);
  if (rule.values.size() == 1 && rule.kind != RuleKind::superset) return FactValue(rule.values.front());
  return FactValue(rule.values);
}

}  // namespace

std::string_view to_string(RuleKind kind) {
  return std::ranges::find(k_rule_names, kind, &std::pair<RuleKind, std::string_view>::first)->second;
}

std::optional<RuleKind> parse_rule_kind(std::string_view name) {
  const auto found = std::ranges::find(k_rule_names, name, &std::pair<RuleKind, std::string_view>::second);
  return found == k_rule_names.end() ? std::nullopt : std::optional(found->first);
}

const std::vector<std::string>& rule_names() {
  static const auto k_names = [] {
    std::vector<std::string> names;
    for (const auto& entry : k_rule_names) names.emplace_back(entry.second);
    return names;
  }();
  return k_names;
}

RuleResult judge(const Rule& rule, const Fact* sealed, const Fact* found) {
  const std::string actual = found == nullptr ? "nothing" : to_string(found->value);
  if (rule.kind == RuleKind::ignore) return {RuleOutcome::holds, {}, actual, {}};
  const auto wanted = wanted_by(rule, sealed);
  if (!wanted) return {RuleOutcome::unsealed, {}, actual, {}};
  if (found == nullptr) return {RuleOutcome::missing, to_string(*wanted), actual, {}};
  switch (rule.kind) {
    case RuleKind::equal:
      return judge_equal(*wanted, found->value);
    case RuleKind::same_major:
      return judge_same(*wanted, found->value, 1);
    case RuleKind::same_minor:
      return judge_same(*wanted, found->value, 2);
    case RuleKind::at_least:
      return judge_at_least(*wanted, found->value);
    case RuleKind::superset:
      return judge_superset(*wanted, found->value);
    case RuleKind::one_of:
      return judge_one_of(rule.values, found->value);
    case RuleKind::ignore:
      break;
  }
  return {RuleOutcome::holds, {}, actual, {}};
}

}  // namespace goldseal
