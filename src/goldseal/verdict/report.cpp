// SPDX-License-Identifier: Apache-2.0
#include <goldseal/verdict/report.hpp>

#include <algorithm>
#include <array>

namespace goldseal {

ExitCode exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::malformed:
      return ExitCode::integrity;
    case ErrorKind::worker:
      return ExitCode::inconclusive;
    case ErrorKind::usage:
    case ErrorKind::io:
    case ErrorKind::unsupported:
    case ErrorKind::interrupted:
    case ErrorKind::changed:
      return ExitCode::no_verdict;
  }
  return ExitCode::defect;
}

ExitCode verdict(const Report& report) {
  const auto any = [&](auto predicate) { return std::ranges::any_of(report.findings, predicate); };
  const auto failed = [](const Finding& f) { return f.status == Status::fail; };
  if (any([&](const Finding& f) { return failed(f) && f.severity == Severity::integrity; })) return ExitCode::integrity;
  if (any(failed)) return ExitCode::fails;
  const auto undecided = [](const Finding& f) {
    return f.status == Status::unknown && (f.severity == Severity::required || f.severity == Severity::integrity);
  };
  const auto judged = [](const Finding& f) { return f.status == Status::pass || f.status == Status::warn; };
  if (any(undecided) || !any(judged)) return ExitCode::inconclusive;
  return ExitCode::conforms;
}

std::string_view headline(ExitCode code) {
  switch (code) {
    case ExitCode::conforms:
      return "PASS";
    case ExitCode::fails:
      return "FAIL";
    case ExitCode::integrity:
      return "DAMAGED";
    case ExitCode::inconclusive:
      return "INCONCLUSIVE";
    case ExitCode::no_verdict:
    case ExitCode::defect:
      break;
  }
  return "NO VERDICT";
}

std::string scope_clause(const Report& report) {
  const auto& scope = report.judged.scope;
  // Code that was left alone is said in every verdict: none of them holds for it.
  if (scope.starts_with("the code")) return " (" + scope + ")";
  return verdict(report) == ExitCode::conforms && !scope.empty() ? " " + scope : "";
}

std::string verdict_line(const Report& report) {
  return std::string(headline(verdict(report))) + scope_clause(report);
}

std::string judged_sentence(const Report& report) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 5> k_words{
      {{"weights", "the weights"},
       {"numerics", "this machine's numerics"},
       {"program", "the sealed program"},
       {"code", "your code"},
       {"configuration", "its configuration"}}};
  std::string sentence;
  for (const auto& [name, answer] : report.judged.parts) {
    const auto* const words = std::ranges::find(k_words, name, &decltype(k_words)::value_type::first);
    sentence += sentence.empty() ? "" : ", ";
    sentence.append(words == k_words.end() ? std::string_view(name) : words->second).append(" ").append(answer);
  }
  return sentence;
}

std::size_t count(const Report& report, Status status) {
  return static_cast<std::size_t>(std::ranges::count(report.findings, status, &Finding::status));
}

}  // namespace goldseal
