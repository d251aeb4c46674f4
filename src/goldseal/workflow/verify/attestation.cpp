// SPDX-License-Identifier: Apache-2.0
#include <goldseal/workflow/verify/attestation.hpp>

#include <goldseal/base/files/argument_file.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/base/messages/utc.hpp>
#include <goldseal/signing/bundle.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <optional>
#include <set>

namespace goldseal {
namespace {

using signing::Described;

constexpr std::uint64_t k_max_attestations_bytes = 64U << 20U;
constexpr std::int64_t k_clock_slack = 300;  // seconds that clocks of two machines may be apart

// What makes two machines of one kind: the facts that decide whether a model runs and how it rounds.
bool tells_kind(std::string_view name) {
  constexpr std::array<std::string_view, 10> k_facts{"torch.version", "torch.cuda", "torch.cudnn", "torch.blas", "driver.version",
                                                     "cpu.architecture", "cpu.vendor", "cpu.model", "cpu.aten_capability", "python.version"};
  if (std::ranges::find(k_facts, name) != k_facts.end()) return true;
  return name.starts_with("gpu.") && (name.ends_with(".name") || name.ends_with(".capability") || name.ends_with(".mig"));
}

// What only PyTorch, or the interpreter that has one, tells of a machine.
bool is_of_pytorch(std::string_view name) {
  return name.starts_with("torch.") || name == "python.version" || name == "cpu.aten_capability";
}

[[noreturn]] void refuse(const std::string& where, std::string message, std::string remedy) {
  throw Error(ErrorKind::malformed, where, std::move(message), std::move(remedy));
}

const Described* part(const signing::TestResult& result, std::string_view name) {
  const auto found = std::ranges::find(result.configuration, name, &Described::name);
  return found == result.configuration.end() ? nullptr : &*found;
}

std::set<std::string> digests(const std::vector<Subject>& subjects, std::string_view role) {
  std::set<std::string> result;
  for (const auto& subject : subjects)
    if (subject.role == role) result.insert(subject.sha256);
  return result;
}

std::set<std::string> digests(const std::vector<Described>& parts, std::string_view name) {
  std::set<std::string> result;
  for (const auto& entry : parts)
    if (entry.name == name || entry.name.starts_with(std::string(name) + ":")) result.insert(entry.sha256);
  return result;
}

void require_same(const std::set<std::string>& attested, const std::set<std::string>& here, std::string_view what,
                  const std::string& where) {
  if (!attested.empty() && attested == here) return;
  refuse(where, fmt::format("expected a verdict on this {}, found one on another", what),
         fmt::format("have this {} verified and attested, or give the attestation that belongs to it", what));
}

std::optional<std::int64_t> seconds_of(const std::string& utc) {
  std::tm time{};
  const char* const end = ::strptime(utc.c_str(), "%Y-%m-%dT%H:%M:%SZ", &time);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return static_cast<std::int64_t>(::timegm(&time));
}

void require_age(const Described& run, const CheckRequest& request, const std::string& where) {
  const auto found = run.annotations.find("started");
  const auto started = found == run.annotations.end() ? std::nullopt : seconds_of(found->second);
  const auto now = seconds_of(utc_now());
  if (!started) refuse(where, "expected when the verdict was reached, found nothing", "have it attested again");
  if (*started > *now + k_clock_slack)
    refuse(where, fmt::format("the verdict is of a time to come, {}", found->second), "set this machine's clock, or that of the other");
  const auto limit = request.max_age.count();
  if (limit > 0 && *now - *started > limit)
    refuse(where,
           fmt::format("expected a verdict of the last {} seconds (--max-age), found one of {}", limit, found->second),
           "verify and attest the model again");
}

// Gives the attested facts that cannot be compared here, as `NAME VALUE`: those that a PyTorch tells, which check does not
// start and a machine that only admits may not have.
std::vector<std::string> require_kind(const Described& environment, const Environment& machine, const std::string& where) {
  std::vector<std::string> not_compared;
  for (const auto& [name, attested] : environment.annotations) {
    if (!tells_kind(name)) continue;
    const auto here = machine.shown(name);
    if (here == attested) continue;
    if (here.empty() && is_of_pytorch(name)) {
      not_compared.push_back(fmt::format("{} {}", name, escape_unprintable(attested)));
      continue;
    }
    refuse(where,
           fmt::format("expected a verdict of a machine like this one, found one of another: {} is {} there, {} here", name,
                       escape_unprintable(attested), here.empty() ? "not known" : escape_unprintable(here)),
           here.empty() ? "run check in the environment in which the model serves, so that it is found, or name that machine: --target FILE"
                        : "verify and attest the model on a machine of this kind; where another machine serves, name it: --target FILE");
  }
  for (const auto& [name, fact] : machine.facts()) {
    if (name.starts_with("gpu.") && name.ends_with(".name") && !environment.annotations.contains(name))
      refuse(where, fmt::format("expected a verdict of a machine like this one, found one without {}", name),
             "verify and attest the model on a machine of this kind");
  }
  return not_compared;
}

struct Admission {
  std::string signer;
  std::vector<std::string> not_compared;
};

Admission judge(const std::string& line, const CheckRequest& request, const std::vector<Subject>& subjects,
                  const Environment& machine, const std::string& where) {
  const auto bundle = signing::read_bundle(line, where);
  auto signer = signing::require_signer(bundle, request.attestors, where);
  const auto result = signing::read_test_result(bundle.envelope.payload, where);
  const auto* const run = part(result, "report");
  const auto* const environment = part(result, "environment");
  if (run == nullptr || environment == nullptr || !run->annotations.contains("verb"))
    refuse(where, "expected a verdict of goldseal's, found another tool's", "have it attested with `goldseal attest`");
  if (run->annotations.at("verb") != "verify")
    refuse(where, fmt::format("expected the verdict of a model's run (verify), found that of {}", escape_unprintable(run->annotations.at("verb"))),
           "attest the report of `goldseal verify`");
  if (result.result == "FAILED")
    refuse(where, fmt::format("the attested verdict is FAIL: {}", result.failed.empty() ? "" : escape_unprintable(result.failed.front())),
           "do not serve this model on such a machine");
  require_same(digests(result.configuration, "seal"), digests(subjects, "seal"), "seal", where);
  std::set<std::string> checkpoint;
  for (const auto& subject : result.subjects) checkpoint.insert(subject.sha256);
  for (const auto& seal : digests(result.configuration, "seal")) checkpoint.erase(seal);
  require_same(checkpoint, digests(subjects, "checkpoint"), "checkpoint", where);
  require_same(digests(result.configuration, "policy"), digests(subjects, "policy"), "policy", where);
  auto not_compared = require_kind(*environment, machine, where);
  require_age(*run, request, where);
  return {std::move(signer), std::move(not_compared)};
}

}  // namespace

signing::TestResult attestation_of(const Report& report, std::string_view text, const std::string& where) {
  const auto code = verdict(report);
  if (code == ExitCode::inconclusive || code == ExitCode::no_verdict)
    throw Error(ErrorKind::usage, where, fmt::format("expected a verdict, found {}: nothing is proven, and nothing is attested", headline(code)),
                "clear up what could not be judged (`goldseal report` shows it), and run it again");
  signing::TestResult result;
  for (const auto& subject : report.subjects) {
    if (subject.role == "policy") {
      result.configuration.push_back({"policy:" + subject.name, subject.sha256});
      continue;
    }
    result.subjects.push_back({subject.name, subject.sha256});
    if (subject.role == "seal") result.configuration.push_back({"seal", subject.sha256});
  }
  if (result.subjects.size() < 2)
    throw Error(ErrorKind::usage, where, "expected a report on a seal and a checkpoint, found one on less",
                "attest the report of `goldseal verify` or `goldseal check`, written by this version (--report json=RUN.json)");
  Described environment{"environment", {}};
  std::string facts;
  for (const auto& row : report.evidence.environment) {
    if (row.found.empty()) continue;
    facts += fmt::format("{} = {}\n", row.name, row.found);
    if (tells_kind(row.name)) environment.annotations.emplace(row.name, row.found);
  }
  environment.sha256 = to_hex(sha256(facts));
  result.configuration.push_back(std::move(environment));
  result.configuration.push_back({"report", to_hex(sha256(text)),
                                  {{"goldseal", report.version}, {"started", report.started}, {"target", report.target}, {"verb", report.verb},
                                   {"verdict", verdict_line(report)}}});
  for (const auto& finding : report.findings) {
    if (finding.status == Status::pass) result.passed.push_back(finding.id);
    if (finding.status == Status::warn) result.warned.push_back(finding.id);
    if (finding.status == Status::fail) result.failed.push_back(finding.id);
  }
  result.result = code != ExitCode::conforms ? "FAILED" : result.warned.empty() ? "PASSED" : "WARNED";
  return result;
}

signing::SignatureFinding observe_attestation(const CheckRequest& request, const std::vector<Subject>& subjects,
                                              const Environment& machine) {
  signing::SignatureFinding finding;
  finding.demand = signing::Demand::require;
  const auto text = read_argument_file(request.attestation, k_max_attestations_bytes);
  std::size_t number = 0;
  for (const auto line : split(text, '\n')) {
    ++number;
    if (line.empty()) continue;
    const auto where = fmt::format("{}:{}", request.attestation.string(), number);
    try {
      auto admission = judge(std::string(line), request, subjects, machine, where);
      finding = {.demand = signing::Demand::require, .good = true, .signer = std::move(admission.signer)};
      if (!admission.not_compared.empty()) {
        finding.message = fmt::format("what only a PyTorch tells is not known here and was not compared: {}", fmt::join(admission.not_compared, ", "));
        finding.remedy = "say which machine serves, and it is compared: --target FILE, which `goldseal probe` writes there";
      }
      return finding;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::malformed && error.kind() != ErrorKind::unsupported) throw;
      finding.message = fmt::format("{}: {}", error.where(), error.message());
      finding.remedy = error.remedy();
    }
  }
  if (finding.message.empty()) {
    finding.message = fmt::format("{}: expected an attestation, found none", request.attestation.string());
    finding.remedy = "have the model verified, and the report attested: `goldseal attest RUN.json --key k.pem`";
  }
  return finding;
}

}  // namespace goldseal
