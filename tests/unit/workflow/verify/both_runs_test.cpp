// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"

#include <goldseal/workflow/verify/both_runs.hpp>

#include <algorithm>

using namespace goldseal;

namespace {

Finding finding(std::string id, Status status, std::string message, Severity severity = Severity::fail) {
  Finding made;
  made.id = std::move(id);
  made.status = status;
  made.message = std::move(message);
  made.severity = severity;
  return made;
}

Report report(std::vector<Finding> findings, std::string program) {
  Report made;
  made.findings = std::move(findings);
  made.judged.parts = {{"program", program}, {"code", program == "yes" ? "no" : "yes"}};
  made.facts = {{"runtime", program == "yes" ? "libtorch" : "python"}, {"code", "was run, or not"}};
  made.next = program;
  return made;
}

const Finding& in(const Report& report, std::string_view id) {
  return *std::ranges::find(report.findings, id, &Finding::id);
}

}  // namespace

TEST_CASE("of two runs the graver finding counts, whichever made it, and says whose it is") {
  const auto worse = GENERATE(Status::fail, Status::unknown, Status::warn);
  const auto better = GENERATE(Status::pass, Status::skipped);
  const auto sound = report({finding("golden.float64", better, "fine")}, "no");
  const auto odd = finding("golden.float64", worse, "it differs", Severity::required);
  const auto of_program = both_runs(sound, report({odd}, "yes"));
  CHECK(in(of_program, "golden.float64").status == worse);
  CHECK(in(of_program, "golden.float64").message == "the embedded program: it differs");
  CHECK(of_program.next == "yes");
  const auto of_code = both_runs(report({odd}, "no"), report({finding("golden.float64", better, "fine")}, "yes"));
  CHECK(in(of_code, "golden.float64").status == worse);
  CHECK(in(of_code, "golden.float64").message == "the code: it differs");
  CHECK(of_code.next == "no");
  CHECK(verdict(of_code) == verdict(of_program));
}

TEST_CASE("code that is not here fails nothing: the program's report stands, and says what was not run") {
  auto code = report({finding("worker.run", Status::fail, "there is no module net")}, "no");
  code.judged.parts = {{"program", "no"}, {"code", "not at hand"}};
  auto program = report({finding("golden.float64", Status::pass, "fine")}, "yes");
  program.judged.scope = "for the sealed program; your code was not run";
  CHECK(both_runs(code, program) == program);
}

TEST_CASE("damage outweighs a failure, and what only the program's run has is kept") {
  const auto failed = report({finding("tensors.loaded", Status::fail, "other values")}, "no");
  const auto damaged = report({finding("tensors.loaded", Status::fail, "damaged", Severity::integrity),
                               finding("seal.architecture", Status::fail, "changed")}, "yes");
  const auto both = both_runs(failed, damaged);
  CHECK(in(both, "tensors.loaded").message == "the embedded program: damaged");
  CHECK(in(both, "seal.architecture").status == Status::fail);
  CHECK(verdict(both) == ExitCode::integrity);
}

TEST_CASE("what is about the code alone is the code's, and both are said to have run") {
  const auto code = report({finding("model.code", Status::pass, "it was run"), finding("file.code", Status::warn, "changed"),
                            finding("env.python.version", Status::pass, "3.11"), finding("golden.native", Status::pass, "fine")}, "no");
  const auto program = report({finding("model.code", Status::unknown, "not run", Severity::required),
                               finding("file.code", Status::fail, "changed, and not run"),
                               finding("env.python.version", Status::unknown, "not asked", Severity::required),
                               finding("golden.native", Status::pass, "fine")}, "yes");
  const auto both = both_runs(code, program);
  CHECK(in(both, "model.code").status == Status::pass);
  CHECK(in(both, "file.code").status == Status::warn);
  CHECK(in(both, "env.python.version").status == Status::pass);
  CHECK(in(both, "golden.native").message == "fine");
  CHECK(verdict(both) == ExitCode::conforms);
  CHECK(both.judged.parts == std::vector<std::pair<std::string, std::string>>{{"program", "yes"}, {"code", "yes"}});
  CHECK(both.facts.front().second == "python for the code; libtorch for the embedded program");
  CHECK(std::ranges::find(both.facts, "code", &std::pair<std::string, std::string>::first) == both.facts.end());
}
