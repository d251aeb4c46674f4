// SPDX-License-Identifier: Apache-2.0
#include <checks/runner.hpp>

#include <checks/fact_check.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>

namespace goldseal {
namespace {

// What a breach amounts to under the policy's severity.
Status weigh(Status status, Severity severity) {
  if (status != Status::fail) return status;
  if (severity == Severity::warn) return Status::warn;
  return severity == Severity::info ? Status::pass : Status::fail;
}

// A waiver that has ended lets nothing pass: what it spoke of fails, also where the policy would only warn, since
// someone promised that it would be mended by then.
void apply_waiver(Finding& finding, const Waiver& waiver, const std::string& today) {
  const bool breached =
      finding.status == Status::fail || finding.status == Status::unknown || finding.status == Status::warn;
  if (!breached) return;
  if (waiver.until < today) {
    if (finding.status == Status::warn) finding.status = Status::fail;
    finding.message += fmt::format(" (a waiver for it ended on {}: {})", waiver.until, waiver.reason);
    return;
  }
  finding.status = Status::warn;
  finding.message += fmt::format(" (waived until {}: {})", waiver.until, waiver.reason);
}

// Where no model was run, no golden check can pass: to wait for one would be to wait for ever.
void without_golden(const Observation& observed, Finding& finding) {
  constexpr std::string_view k_waits = "nothing, if the golden checks pass";
  if (!observed.run.outputs.empty() || !finding.remedy.starts_with(k_waits)) return;
  auto rest = finding.remedy.substr(k_waits.size());
  if (rest.starts_with("; else")) rest.replace(0, 6, ", or");
  finding.remedy = "verify the model on that machine before you rely on it" + rest;
}

Finding judge_one(const Check& check, const Observation& observed, const CheckSettings& settings) {
  const auto began = std::chrono::steady_clock::now();
  Finding finding;
  try {
    finding = check.judge == nullptr ? compare_fact(check, observed, settings) : check.judge(observed, settings);
  } catch (const std::exception& error) {
    finding =
        undecided(fmt::format("the check itself failed: {}", error.what()), "report this as a defect of goldseal");
    finding.severity = Severity::required;
  }
  finding.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  without_golden(observed, finding);
  return finding;
}

}  // namespace

Finding run_check(const Check& check, const Observation& observed, const Policy& policy, const std::string& today) {
  const auto settings = settings_for(policy, check);
  auto finding = judge_one(check, observed, settings);
  finding.id = check.id;
  const bool refused = check.asked_by == AskedBy::capture && finding.severity == Severity::required;
  if (refused) return finding;  // what proves nothing is not sealed, whatever a policy says
  if (finding.severity != Severity::required) finding.severity = settings.severity;
  if (finding.lenient && settings.users_own_severity) finding.status = Status::fail;
  finding.lenient = false;
  if (finding.explained && finding.severity == Severity::integrity) finding.severity = Severity::fail;
  finding.status = weigh(finding.status, settings.severity);
  for (const auto& waiver : policy.waivers) {
    if (waiver.check == check.id) apply_waiver(finding, waiver, today);
  }
  return finding;
}

std::vector<Finding> run_checks(const Observation& observed, const Policy& policy, const std::string& today) {
  std::vector<Finding> findings;
  for (const auto& check : catalogue())
    if (check.asked_by == AskedBy::verify) findings.push_back(run_check(check, observed, policy, today));
  return findings;
}

}  // namespace goldseal
