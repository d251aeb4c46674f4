// SPDX-License-Identifier: Apache-2.0
#include <catch.hpp>

#include <algorithm>

#include <set>

#include "checks/samples.hpp"

namespace goldseal {
namespace {

using samples::conforming;
using samples::judge;

Observation with_other_torch() {
  auto observed = conforming();
  observed.machine.environment.set("torch.version", std::string("1.13.1"), "worker");
  return observed;
}

TEST_CASE("every check has an id of its own, a title and an explanation") {
  std::set<std::string_view> ids;
  for (const auto& check : catalogue()) {
    CHECK(ids.insert(check.id).second);
    CHECK_FALSE(check.title.empty());
    CHECK(check.explanation.size() > 40);
    CHECK((check.judge != nullptr || !check.fact.empty()));
  }
}

TEST_CASE("every check judges an empty observation without a pass that nothing stands behind") {
  const Observation nothing;
  for (const auto& finding : run_checks(nothing, load_policy("strict"), "2026-01-01")) {
    INFO(finding.id);
    if (finding.id != "seal.manifest") CHECK(finding.status != Status::pass);
  }
}

TEST_CASE("A13: what a capture alone measures is in the catalogue, and asked of no target") {
  for (const auto* const id : {"golden.capture", "golden.coverage"}) {
    REQUIRE(find_check(id) != nullptr);
    CHECK(find_check(id)->asked_by == AskedBy::capture);
    for (const auto& finding : run_checks(samples::conforming(), load_policy("deploy"), "2026-01-01"))
      CHECK(finding.id != id);
  }
}

TEST_CASE("A13: a policy may make tensors that no case exercises fail a capture, and let no refused case pass") {
  Observation observed;
  observed.capture.coverage = std::vector<TensorCoverage>{{"used", 4, 4}, {"unused", 4, 0}};
  const auto* const coverage = find_check("golden.coverage");
  CHECK(run_check(*coverage, observed, {}, "2026-01-01").status == Status::warn);
  const auto policy = read_policy("[policy]\nname='p'\n[checks]\n'golden.coverage'={severity='fail'}\n"
                                  "'golden.capture'={severity='info'}\n",
                                  "p.toml");
  CHECK(run_check(*coverage, observed, policy, "2026-01-01").status == Status::fail);
  observed.capture.golden_case.emplace();
  observed.capture.objections = {{true, "out", "nothing in it is finite", "choose another input"}};
  CHECK(run_check(*find_check("golden.capture"), observed, policy, "2026-01-01").status == Status::fail);
}

TEST_CASE("the policy's severity decides whether a difference warns or fails") {
  CHECK(judge("env.torch.version", with_other_torch(), "deploy").status == Status::warn);
  CHECK(judge("env.torch.version", with_other_torch(), "strict").status == Status::fail);
  CHECK(judge("env.torch.version", with_other_torch(), "portable").status == Status::skipped);
}

TEST_CASE("a fact's finding carries both values and where this one was read") {
  const auto finding = judge("env.torch.version", with_other_torch());
  CHECK(finding.expected == "2.13.0");
  CHECK(finding.actual == "1.13.1");
  CHECK(finding.origin == "worker");
}

TEST_CASE("a waiver turns a failure into a warning until its day has passed") {
  auto policy = load_policy("strict");
  policy.waivers = {{"env.torch.version", "the fleet moves in May", "2026-05-31"}};
  const auto finding_on = [&](const std::string& day) {
    for (auto& finding : run_checks(with_other_torch(), policy, day)) {
      if (finding.id == "env.torch.version") return finding;
    }
    return Finding{};
  };
  CHECK(finding_on("2026-05-31").status == Status::warn);
  CHECK(finding_on("2026-06-01").status == Status::fail);
  CHECK(finding_on("2026-06-01").message.find("ended on 2026-05-31") != std::string::npos);
}

TEST_CASE("a waiver that has ended fails where the policy alone would warn") {
  auto policy = load_policy("deploy");
  policy.waivers = {{"env.torch.version", "the fleet moves in May", "2026-05-31"}};
  const auto status_on = [&](const std::string& day) {
    const auto findings = run_checks(with_other_torch(), policy, day);
    return std::ranges::find(findings, "env.torch.version", &Finding::id)->status;
  };
  CHECK(status_on("2026-05-31") == Status::warn);
  CHECK(status_on("2026-06-01") == Status::fail);
}

}  // namespace
}  // namespace goldseal
