// SPDX-License-Identifier: Apache-2.0
#include <checks/policy.hpp>
#include <checks/policy_strictness.hpp>

#include <goldseal/base/messages/error.hpp>

#include <catch.hpp>

namespace goldseal {
namespace {

Error refusal(const std::string& text) {
  try {
    static_cast<void>(read_policy(text, "p.toml"));
  } catch (const Error& error) {
    return error;
  }
  throw std::invalid_argument("accepted");
}

TEST_CASE("the shipped policies read, and bear their names") {
  for (const auto& shipped : shipped_policies()) CHECK(load_policy(std::string(shipped.name)).name == shipped.name);
}

TEST_CASE("a policy that extends another changes only what it says") {
  const auto policy = read_policy(
      "[policy]\nname='mine'\nextends='strict'\n[checks]\n'env.torch.version'={severity='info'}\n", "p.toml");
  CHECK(policy.name == "mine");
  const auto settings = settings_for(policy, *find_check("env.torch.version"));
  CHECK(settings.severity == Severity::info);
  CHECK(settings.rule.kind == RuleKind::equal);
  CHECK(settings_for(policy, *find_check("env.cpu.isa")).severity == Severity::fail);
}

TEST_CASE("an unknown check is named with its line and the nearest that exists") {
  const auto error = refusal("[policy]\nname='x'\n[checks]\n'golden.flaot64'={severity='warn'}\n");
  CHECK(error.kind() == ErrorKind::usage);
  CHECK(error.where() == "p.toml:4");
  CHECK(error.remedy() == "did you mean \"golden.float64\"?");
}

TEST_CASE("a policy's slips are refused by key") {
  CHECK(refusal("[policy]\nname='x'\nprecison='tf32'\n").message() == "unknown key policy.precison");
  CHECK(refusal("[policy]\nname='x'\nprecision='fp8'\n").message().find("policy.precision") != std::string::npos);
  CHECK(refusal("[policy]\nname='x'\n[checks]\n'env.cpu.isa'={rule='sameish'}\n").message().find("superset") !=
        std::string::npos);
  CHECK(refusal("[policy]\nname='x'\n[checks]\n'env.cpu.isa'={severity='grave'}\n").message().find("severity") !=
        std::string::npos);
  CHECK(refusal("[policy]\nname='x'\nextends='nothing'\n").message().find("policy.extends") != std::string::npos);
  CHECK(refusal("[[waiver]]\n").message().find("[policy]") != std::string::npos);
}

TEST_CASE("a policy's slips name their own line, and what was meant") {
  const auto key = refusal("[policy]\nname='x'\nextends='deploy'\nprecison='tf32'\n");
  CHECK(key.where() == "p.toml:4");
  CHECK(key.remedy() == "did you mean precision?");
  const auto rule = refusal("[policy]\nname='x'\n[checks]\n'env.cpu.isa'={severity='warn',rule='supreset'}\n");
  CHECK(rule.where() == "p.toml:4");
  CHECK(rule.remedy() == "did you mean superset?");
  const auto severity = refusal("[policy]\nname='x'\n[checks]\n\n'env.cpu.isa'={severity='wran'}\n");
  CHECK(severity.where() == "p.toml:5");
  CHECK(severity.remedy() == "did you mean warn?");
  const auto member = refusal("[policy]\nname='x'\n[checks]\n'env.cpu.isa'={severty='warn'}\n");
  CHECK(member.message() == "unknown key checks.\"env.cpu.isa\".severty");
  CHECK(member.remedy() == "did you mean severity?");
  const auto table = refusal("[policy]\nname='x'\n\n[cheks]\n");
  CHECK(table.where() == "p.toml:4");
  CHECK(table.remedy() == "did you mean checks?");
}

TEST_CASE("a policy that is no TOML, or has a value of another type, is the user's slip and no damage") {
  CHECK(refusal("[policy\n").kind() == ErrorKind::usage);
  const auto error = refusal("[policy]\nname=3\n");
  CHECK(error.kind() == ErrorKind::usage);
  CHECK(error.where() == "p.toml:2");
}

TEST_CASE("a waiver's last day is a day of the calendar") {
  const std::string head = "[policy]\nname='x'\n[[waiver]]\ncheck='env.cpu.isa'\nreason='r'\n";
  CHECK(refusal(head + "until='2026-02-29'\n").where() == "p.toml:6");
  CHECK(refusal(head + "until='2026-13-01'\n").message().find("2026-13-01") != std::string::npos);
  CHECK(read_policy(head + "until='2028-02-29'\n", "p.toml").waivers.front().until == "2028-02-29");
  CHECK(read_policy(head + "until=2028-02-29\n", "p.toml").waivers.front().until == "2028-02-29");
  CHECK(refusal(head + "until=2028\n").where() == "p.toml:6");
  CHECK(refusal(head + "until=2028\n").message().find("a day such as 2026-12-31, found integer") != std::string::npos);
}

TEST_CASE("a waiver needs a check, a reason and a day") {
  const std::string head = "[policy]\nname='x'\n[[waiver]]\n";
  CHECK(refusal(head + "check='env.cpu.isa'\nreason='r'\nuntil='tomorrow'\n").message().find("waiver.until") !=
        std::string::npos);
  CHECK(refusal(head + "check='env.cpu.isa'\nreason=''\nuntil='2026-12-31'\n").message().find("waiver.reason") !=
        std::string::npos);
  CHECK(refusal(head + "check='env.cpu.is'\nreason='r'\nuntil='2026-12-31'\n").remedy().find("env.cpu.isa") !=
        std::string::npos);
}

TEST_CASE("a policy that does not exist is answered with those that do") {
  try {
    static_cast<void>(load_policy("stric"));
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.remedy() == "did you mean strict?");
  }
}

TEST_CASE("A policy asks less than another where it softens, narrows, waives or looks elsewhere, and not where it asks more") {
  const auto deploy = load_policy("deploy");
  const auto less = [&](const std::string& text) {
    return weakening(read_policy("[policy]\nname='x'\nextends='deploy'\n" + text, "p.toml"), deploy);
  };
  CHECK(weakening(deploy, deploy).empty());
  CHECK(weakening(load_policy("strict"), deploy).empty());
  CHECK(weakening(load_policy("portable"), deploy).find("env.") == 0);
  for (const auto* const more : {"", "precision='float32'\n", "signature='off'\n", "[checks]\n'env.gpu.model'={severity='fail'}\n",
                                 "[checks]\n'env.torch.cuda'={rule='same-minor'}\n", "[checks]\n'env.torch.cuda'={rule='equal'}\n",
                                 "[checks]\n'env.host.os'={rule='ignore'}\n"}) {
    CAPTURE(more);
    CHECK(less(more).empty());
  }
  for (const auto* const softer : {"precision='tf32'\n", "device='cpu'\n", "[checks]\n'golden.float64'={severity='info'}\n",
                                   "[checks]\n'env.gpu.model'={severity='info'}\n", "[checks]\n'env.gpu.model'={rule='ignore'}\n",
                                   "[checks]\n'env.torch.version'={rule='same-minor'}\n",
                                   "[checks]\n'env.torch.version'={rule='equal',values=['1.0']}\n",
                                   "[[waiver]]\ncheck='golden.float64'\nreason='r'\nuntil='2999-01-01'\n"}) {
    CAPTURE(softer);
    CHECK_FALSE(less(softer).empty());
  }
  CHECK(less("[checks]\n'env.torch.abi'={severity='warn'}\n") == "env.torch.abi is warn, not fail");
  CHECK(less("[[waiver]]\ncheck='golden.float64'\nreason='r'\nuntil='2999-01-01'\n") == "golden.float64 is waived until 2999-01-01");
}

}  // namespace
}  // namespace goldseal
