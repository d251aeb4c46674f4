// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"

#include <checks/rules.hpp>

using namespace goldseal;  // NOLINT: a test file

namespace {

RuleResult judge_values(const Rule& rule, FactValue sealed, FactValue found) {
  const Fact a{std::move(sealed), "seal"};
  const Fact b{std::move(found), "machine"};
  return judge(rule, &a, &b);
}

RuleOutcome outcome(RuleKind kind, FactValue sealed, FactValue found) {
  return judge_values({kind, {}}, std::move(sealed), std::move(found)).outcome;
}

using Strings = std::vector<std::string>;
FactValue text(const char* value) { return std::string(value); }
FactValue integer(std::int64_t value) { return value; }

}  // namespace

TEST_CASE("equal compares values, and lists whatever their order") {
  CHECK(outcome(RuleKind::equal, text("8.0"), text("8.0")) == RuleOutcome::holds);
  CHECK(outcome(RuleKind::equal, text("2.13.0+cpu"), text("2.13.0+cu130")) == RuleOutcome::broken);
  CHECK(outcome(RuleKind::equal, true, false) == RuleOutcome::broken);
  CHECK(outcome(RuleKind::equal, integer(8), 8.0) == RuleOutcome::holds);
  CHECK(outcome(RuleKind::equal, Strings{"avx", "avx2"}, Strings{"avx2", "avx"}) == RuleOutcome::holds);
  CHECK(outcome(RuleKind::equal, Strings{"avx"}, Strings{"avx", "avx2"}) == RuleOutcome::broken);
}

TEST_CASE("same-major and same-minor look at the first numbers and not at the label") {
  CHECK(outcome(RuleKind::same_major, text("13.0"), text("13.2")) == RuleOutcome::holds);
  CHECK(outcome(RuleKind::same_major, text("12.9"), text("13.0")) == RuleOutcome::broken);
  CHECK(outcome(RuleKind::same_minor, text("2.13.0+cpu"), text("2.13.1+cu130")) == RuleOutcome::holds);
  CHECK(outcome(RuleKind::same_minor, text("2.13.0"), text("2.12.0")) == RuleOutcome::broken);
  CHECK(outcome(RuleKind::same_minor, text("2"), text("2.0.1")) == RuleOutcome::holds);
  const auto result = judge_values({RuleKind::same_minor, {}}, text("9.12.0"), text("9.10.2"));
  CHECK(result.expected == "9.12.x");
  CHECK(result.actual == "9.10.2");
  CHECK(result.detail == "another minor version");
}

TEST_CASE("at-least orders versions by number, not by text") {
  CHECK(outcome(RuleKind::at_least, text("535.161.08"), text("535.54.03")) == RuleOutcome::broken);
  CHECK(outcome(RuleKind::at_least, text("2.9.1"), text("2.13.0")) == RuleOutcome::holds);
  CHECK(outcome(RuleKind::at_least, text("2.13.0"), text("2.13.0a0+git1234")) == RuleOutcome::broken);
  CHECK(outcome(RuleKind::at_least, integer(64), integer(16)) == RuleOutcome::broken);
  CHECK(outcome(RuleKind::at_least, integer(64), integer(64)) == RuleOutcome::holds);
}

TEST_CASE("superset names what is lacking") {
  const auto result = judge_values({RuleKind::superset, {}}, Strings{"avx2", "avx512f", "amx_bf16"}, Strings{"avx2"});
  CHECK(result.outcome == RuleOutcome::broken);
  CHECK(result.detail == "lacks amx_bf16, avx512f");
  CHECK(outcome(RuleKind::superset, Strings{"avx2"}, Strings{"sse2", "avx2"}) == RuleOutcome::holds);
  CHECK(outcome(RuleKind::superset, Strings{}, Strings{}) == RuleOutcome::holds);
}

TEST_CASE("a rule's own values stand in for the sealed one") {
  CHECK(judge_values({RuleKind::at_least, {"580.65"}}, text("470.1"), text("535.161")).outcome == RuleOutcome::broken);
  CHECK(judge_values({RuleKind::equal, {"4"}}, integer(8), integer(4)).outcome == RuleOutcome::holds);
  CHECK(judge_values({RuleKind::at_least, {"80"}}, integer(8), integer(100)).outcome == RuleOutcome::holds);
  CHECK(judge_values({RuleKind::superset, {"avx2", "fma"}}, Strings{}, Strings{"avx2"}).detail == "lacks fma");
  const Fact found{text("linux"), ""};
  CHECK(judge({RuleKind::equal, {"linux"}}, nullptr, &found).outcome == RuleOutcome::holds);
}

TEST_CASE("one-of holds the machine against the rule's values alone") {
  const Rule rule{RuleKind::one_of, {"8.0", "9.0"}};
  CHECK(judge_values(rule, text("7.5"), text("9.0")).outcome == RuleOutcome::holds);
  CHECK(judge_values(rule, text("8.0"), text("8.6")).outcome == RuleOutcome::broken);
  CHECK(judge_values({RuleKind::one_of, {"true"}}, false, true).outcome == RuleOutcome::holds);
}

TEST_CASE("what is not known is told apart from what is wrong") {
  const Fact fact{text("9.1"), ""};
  CHECK(judge({RuleKind::equal, {}}, nullptr, &fact).outcome == RuleOutcome::unsealed);
  const auto missing = judge({RuleKind::equal, {}}, &fact, nullptr);
  CHECK(missing.outcome == RuleOutcome::missing);
  CHECK(missing.expected == "9.1");
  CHECK(missing.actual == "nothing");
  CHECK(judge({RuleKind::ignore, {}}, &fact, nullptr).outcome == RuleOutcome::holds);
  CHECK(outcome(RuleKind::same_major, text("unknown"), text("9.1")) == RuleOutcome::incomparable);
  CHECK(outcome(RuleKind::at_least, text("9.1"), Strings{"9.1"}) == RuleOutcome::incomparable);
}

TEST_CASE("every kind of rule has a name that reads back") {
  for (const auto& name : rule_names()) {
    const auto kind = parse_rule_kind(name);
    REQUIRE(kind);
    CHECK(to_string(*kind) == name);
  }
  CHECK(rule_names().size() == 7);
  CHECK_FALSE(parse_rule_kind("atleast"));
}
