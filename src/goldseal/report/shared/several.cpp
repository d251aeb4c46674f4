// SPDX-License-Identifier: Apache-2.0
#include <goldseal/report/shared/several.hpp>

#include <goldseal/report/shared/severity_order.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

namespace goldseal {
namespace {

constexpr std::size_t k_most_named = 4;
constexpr std::array k_gravest_first{ExitCode::defect,       ExitCode::no_verdict, ExitCode::integrity, ExitCode::fails,
                                     ExitCode::inconclusive, ExitCode::conforms};

std::size_t rank_of(ExitCode code) {
  return static_cast<std::size_t>(std::ranges::find(k_gravest_first, code) - k_gravest_first.begin());
}

bool same_subject(std::span<const Report> reports) {
  return std::ranges::all_of(reports, [&](const Report& report) { return report.subject == reports.front().subject; });
}

// What a PASS of all of them holds for is what it holds for with each.
Judged judged_of(std::span<const Report> reports) {
  auto judged = reports.front().judged;
  for (const auto& report : reports) {
    if (judged.scope.empty()) judged.scope = report.judged.scope;
    for (auto& [part, answer] : judged.parts) {
      const auto found = std::ranges::find(report.judged.parts, part, &std::pair<std::string, std::string>::first);
      if (found == report.judged.parts.end() || found->second != answer) answer = "not the same of all targets";
    }
  }
  return judged;
}

Report without_findings(std::span<const Report> reports) {
  auto all = reports.front();
  all.target = fmt::format("{} targets", reports.size());
  if (!same_subject(reports)) all.subject = fmt::format("{} reports", reports.size());
  all.findings.clear();
  all.stages.clear();
  all.evidence = {};  // of one target, and would pass for that of all
  all.judged = judged_of(reports);
  std::erase_if(all.facts, [&](const auto& fact) {
    return !std::ranges::all_of(reports, [&](const Report& report) {
      return std::ranges::find(report.facts, fact) != report.facts.end();
    });
  });
  all.next.clear();
  for (const auto i : gravest_first(reports))
    if (all.next.empty()) all.next = reports[i].next;
  return all;
}

auto words_of(const Finding& finding) {
  return std::tie(finding.id, finding.status, finding.severity, finding.message, finding.expected, finding.actual,
                  finding.remedy);
}

std::string named(const std::vector<std::string>& targets, std::size_t all) {
  if (all == 1) return targets.front();
  std::string names;
  for (std::size_t i = 0; i < std::min(targets.size(), k_most_named); ++i)
    names += fmt::format("{}{}", i == 0 ? "" : ", ", targets[i]);
  if (targets.size() > k_most_named) names += fmt::format(", {} more", targets.size() - k_most_named);
  return targets.size() == all ? fmt::format("all {} targets", all)
                               : fmt::format("{} of {} targets ({})", targets.size(), all, names);
}

}  // namespace

std::vector<std::string> labels_of(std::span<const Report> reports) {
  std::map<std::string, std::size_t> uses;
  for (const auto& report : reports) ++uses[report.target];
  std::vector<std::string> labels;
  std::set<std::string> taken;
  for (const auto& report : reports) {
    auto label = report.target.empty()         ? report.subject
                 : uses[report.target] == 1     ? report.target
                                                : fmt::format("{} on {}", report.subject, report.target);
    const auto plain = label;
    for (int i = 2; !taken.insert(label).second; ++i) label = fmt::format("{} #{}", plain, i);
    labels.push_back(std::move(label));
  }
  return labels;
}

ExitCode worst_verdict(std::span<const Report> reports) {
  auto worst = ExitCode::conforms;
  for (const auto& report : reports) {
    if (const auto code = verdict(report); rank_of(code) < rank_of(worst)) worst = code;
  }
  return worst;
}

std::string counted_verdicts(std::span<const Report> reports) {
  std::string text;
  for (const auto code : k_gravest_first) {
    const auto n = std::ranges::count(reports, code, [](const Report& report) { return verdict(report); });
    if (n > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", n, headline(code));
  }
  return text;
}

std::string subject_of(std::span<const Report> reports) {
  if (!same_subject(reports)) return fmt::format("{} reports", reports.size());
  return fmt::format("{} on {} {}", reports.front().subject, reports.size(), reports.size() == 1 ? "target" : "targets");
}

std::vector<std::size_t> gravest_first(std::span<const Report> reports) {
  std::vector<std::size_t> places(reports.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  std::ranges::stable_sort(places, {}, [&](std::size_t i) { return rank_of(verdict(reports[i])); });
  return places;
}

Report merged(std::span<const Report> reports) {
  if (reports.size() == 1) return reports.front();
  auto all = without_findings(reports);
  const auto labels = labels_of(reports);
  for (std::size_t i = 0; i < reports.size(); ++i) {
    for (auto finding : reports[i].findings) {
      finding.target = labels[i];
      finding.message = fmt::format("{}: {}", labels[i], finding.message);
      all.findings.push_back(std::move(finding));
    }
  }
  return all;
}

std::vector<Report> by_target(Report report) {
  if (std::ranges::none_of(report.findings, [](const Finding& finding) { return !finding.target.empty(); }))
    return {std::move(report)};
  std::vector<Report> reports;
  std::map<std::string, std::size_t, std::less<>> places;
  const auto findings = std::exchange(report.findings, {});
  const auto whole = report.target;
  for (auto finding : findings) {
    const auto target = finding.target.empty() ? whole : finding.target;
    const auto [place, added] = places.try_emplace(target, reports.size());
    if (added) {
      reports.push_back(report);
      reports.back().target = target;
    }
    if (const auto prefix = finding.target + ": "; finding.message.starts_with(prefix))
      finding.message.erase(0, prefix.size());
    finding.target.clear();
    reports[place->second].findings.push_back(std::move(finding));
  }
  return reports;
}

Report folded(std::span<const Report> reports) {
  auto all = without_findings(reports);
  const auto labels = labels_of(reports);
  std::vector<std::vector<std::string>> targets;
  for (std::size_t i = 0; i < reports.size(); ++i) {
    for (const auto& finding : reports[i].findings) {
      const auto known = std::ranges::find_if(
          all.findings, [&](const Finding& other) { return words_of(other) == words_of(finding); });
      const auto place = static_cast<std::size_t>(known - all.findings.begin());
      if (known == all.findings.end()) {
        all.findings.push_back(finding);
        targets.emplace_back();
      }
      if (targets[place].empty() || targets[place].back() != labels[i]) targets[place].push_back(labels[i]);
    }
  }
  for (std::size_t i = 0; i < all.findings.size(); ++i) all.findings[i].target = named(targets[i], reports.size());
  return all;
}

}  // namespace goldseal
