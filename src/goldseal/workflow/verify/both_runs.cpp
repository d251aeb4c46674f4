// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/verify/both_runs.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace goldseal {
namespace {

constexpr std::string_view k_of_code = "the code: ";
constexpr std::string_view k_of_program = "the embedded program: ";

// Whoever ran the program alone has not looked at the code.
bool is_of_code(std::string_view id) {
  constexpr std::array<std::string_view, 3> k_ids{"model.code", "model.mode", "file.code"};
  return std::ranges::find(k_ids, id) != k_ids.end() || id.starts_with("env.python.");
}

// Damage before failure before what is open before a warning before a pass; what was skipped says nothing.
int gravity(const Finding& finding) {
  switch (finding.status) {
    case Status::fail:
      return finding.severity == Severity::integrity ? 5 : 4;
    case Status::unknown:
      return finding.severity >= Severity::required ? 3 : 1;
    case Status::warn:
      return 2;
    case Status::pass:
      return 0;
    case Status::skipped:
      break;
  }
  return -1;
}

bool says_something(const Finding& finding) { return gravity(finding) > 0; }

Finding graver(Finding code, Finding program) {
  const bool of_program = gravity(program) > gravity(code);
  const bool alike = gravity(program) == gravity(code) && program.message == code.message;
  auto finding = of_program ? std::move(program) : std::move(code);
  if (!alike && says_something(finding))
    finding.message = fmt::format("{}{}", of_program ? k_of_program : k_of_code, finding.message);
  return finding;
}

std::string fact_of(const Report& report, std::string_view name) {
  const auto found = std::ranges::find(report.facts, name, &std::pair<std::string, std::string>::first);
  return found == report.facts.end() ? std::string() : found->second;
}

std::string part_of(const Report& report, std::string_view name) {
  const auto found = std::ranges::find(report.judged.parts, name, &std::pair<std::string, std::string>::first);
  return found == report.judged.parts.end() ? std::string() : found->second;
}

int gravity(const Report& report) {
  int most = 0;
  for (const auto& finding : report.findings) most = std::max(most, gravity(finding));
  return most;
}

void state_both(const Report& program, Report& both) {
  std::erase_if(both.facts, [](const auto& fact) { return fact.first == "code"; });
  for (auto& [name, value] : both.facts)
    if (name == "runtime") value = fmt::format("{} for the code; {} for the embedded program", value, fact_of(program, name));
  if (const auto network = fact_of(program, "network"); !network.empty())
    both.facts.emplace_back("network", network + "; and the code that the seal names");
  for (auto& [name, value] : both.judged.parts)
    if (name == "program") value = part_of(program, name);
  for (const auto& stage : program.stages) both.stages.push_back({"program: " + stage.name, stage.seconds});
}

}  // namespace

Report both_runs(Report code, Report program) {
  if (part_of(code, "code") == "not at hand") return program;
  const bool program_tells = gravity(program) > gravity(code);
  auto both = std::move(code);
  for (auto& found : program.findings) {
    if (is_of_code(found.id)) continue;
    const auto other = std::ranges::find(both.findings, found.id, &Finding::id);
    if (other == both.findings.end())
      both.findings.push_back(std::move(found));
    else
      *other = graver(std::move(*other), std::move(found));
  }
  if (program_tells) {
    both.evidence = std::move(program.evidence);
    both.next = std::move(program.next);
  }
  state_both(program, both);
  return both;
}

}  // namespace goldseal
