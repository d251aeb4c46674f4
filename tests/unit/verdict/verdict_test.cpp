// SPDX-License-Identifier: Apache-2.0
#include <goldseal/verdict/report.hpp>

#include <catch.hpp>

namespace goldseal {
namespace {

Report with(std::vector<std::pair<Status, Severity>> findings) {
  Report report;
  for (const auto& [status, severity] : findings) {
    Finding finding;
    finding.status = status;
    finding.severity = severity;
    report.findings.push_back(finding);
  }
  return report;
}

TEST_CASE("no check, no pass") {
  CHECK(verdict(with({})) == ExitCode::inconclusive);
  CHECK(verdict(with({{Status::skipped, Severity::fail}})) == ExitCode::inconclusive);
  CHECK(verdict(with({{Status::unknown, Severity::fail}})) == ExitCode::inconclusive);
}

TEST_CASE("warnings conform") {
  CHECK(verdict(with({{Status::pass, Severity::fail}, {Status::warn, Severity::warn}})) == ExitCode::conforms);
}

TEST_CASE("damage comes before failure, failure before doubt") {
  const std::pair damage{Status::fail, Severity::integrity};
  const std::pair failure{Status::fail, Severity::fail};
  const std::pair doubt{Status::unknown, Severity::required};
  const std::pair pass{Status::pass, Severity::fail};
  CHECK(verdict(with({pass, doubt, failure, damage})) == ExitCode::integrity);
  CHECK(verdict(with({pass, doubt, failure})) == ExitCode::fails);
  CHECK(verdict(with({pass, doubt})) == ExitCode::inconclusive);
  CHECK(verdict(with({pass, {Status::unknown, Severity::warn}})) == ExitCode::conforms);
}

TEST_CASE("errors end with the code of their kind") {
  CHECK(exit_code(ErrorKind::malformed) == ExitCode::integrity);
  CHECK(exit_code(ErrorKind::worker) == ExitCode::inconclusive);
  CHECK(exit_code(ErrorKind::usage) == ExitCode::no_verdict);
}

TEST_CASE("statuses and severities read back by name") {
  for (const auto status : {Status::pass, Status::warn, Status::fail, Status::unknown, Status::skipped})
    CHECK(parse_status(to_string(status)) == status);
  CHECK(parse_severity("integrity") == Severity::integrity);
  CHECK_FALSE(parse_severity("grave"));
}

}  // namespace
}  // namespace goldseal
