// SPDX-License-Identifier: Apache-2.0
// JUnit's XML as CI systems read it: a check is a test case; a check that had to judge and could not is an error.
#include <goldseal/report/shared/formats.hpp>

#include <goldseal/report/shared/markup.hpp>
#include <goldseal/report/shared/several.hpp>
#include <goldseal/report/shared/severity_order.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iterator>
#include <map>

namespace goldseal {
namespace {

using Out = std::back_insert_iterator<std::string>;

void write_line(std::string& body, std::string_view label, std::string_view text) {
  if (!text.empty()) fmt::format_to(std::back_inserter(body), "{}: {}\n", label, text);
}

// What a person reads below the test's name.
std::string body_of(const Finding& finding) {
  std::string body;
  write_line(body, "expected", finding.expected);
  write_line(body, "found", finding.actual);
  write_line(body, "where", finding.origin);
  write_line(body, "fix", finding.remedy);
  for (const auto& measurement : finding.measurements) {
    auto text = shown_value(measurement);
    if (measurement.limit) text += fmt::format(" (limit {})", shown_number(*measurement.limit));
    write_line(body, measurement.name, text);
  }
  for (const auto& table : finding.tables) {
    body += titled(table, table.rows.size()) + "\n";
    for (const auto& row : table.rows) body += fmt::format("  {}\n", fmt::join(row, "  "));
  }
  return body;
}

void write_outcome(Out out, std::string_view element, const Finding& finding) {
  fmt::format_to(out,
                 R"(      <{0} message="{1}" type="{2}">{3}</{0}>)"
                 "\n",
                 element, escape_markup(finding.message), to_string(finding.severity), escape_markup(body_of(finding)));
}

// `at` is the target where there are several: CI systems know a test by class and name, and drop the second of a name.
void write_case(Out out, const Finding& finding, const std::string& name, std::string_view at) {
  const auto group = finding.id.substr(0, finding.id.find('.'));
  fmt::format_to(out,
                 R"(    <testcase name="{}" classname="goldseal.{}{}" time="{:.3f}">)"
                 "\n",
                 escape_markup(name), escape_markup(group), at.empty() ? "" : escape_markup(fmt::format(" @ {}", at)),
                 finding.seconds);
  switch (severity_order(finding)) {
    case Gravity::damaged:
    case Gravity::failed:
      write_outcome(out, "failure", finding);
      break;
    case Gravity::undecided:
      write_outcome(out, "error", finding);
      break;
    case Gravity::unjudged:
    case Gravity::skipped:
      fmt::format_to(out, "      <skipped message=\"{}\"/>\n", escape_markup(finding.message));
      break;
    case Gravity::warned:
      fmt::format_to(out, "      <system-out>warning: {}\n{}</system-out>\n", escape_markup(finding.message),
                     escape_markup(body_of(finding)));
      break;
    case Gravity::passed:
      fmt::format_to(out, "      <system-out>{}</system-out>\n", escape_markup(finding.message));
  }
  fmt::format_to(out, "    </testcase>\n");
}

struct Totals {
  std::size_t tests = 0;
  std::size_t failures = 0;
  std::size_t errors = 0;
  std::size_t skipped = 0;
};

Totals totals_of(const Report& report) {
  Totals totals{.tests = report.findings.size()};
  for (const auto& finding : report.findings) {
    const auto rank = severity_order(finding);
    if (rank <= Gravity::failed) ++totals.failures;
    if (rank == Gravity::undecided) ++totals.errors;
    if (rank == Gravity::unjudged || rank == Gravity::skipped) ++totals.skipped;
  }
  return totals;
}

void write_properties(Out out, const Report& report) {
  const auto property = [&](std::string_view name, std::string_view value) {
    if (!value.empty())
      fmt::format_to(out, "      <property name=\"{}\" value=\"{}\"/>\n", escape_markup(name), escape_markup(value));
  };
  fmt::format_to(out, "    <properties>\n");
  property("goldseal", report.version);
  property("policy", report.policy);
  property("verdict", verdict_line(report));
  property("judged", judged_sentence(report));
  for (const auto& [name, value] : report.facts) property(name, value);
  fmt::format_to(out, "    </properties>\n");
}

// The schema of Jenkins wants the time without a zone (it is UTC), and seconds with at most three digits behind the
// point.
std::string_view without_zone(std::string_view time) { return time.substr(0, time.find_first_of("Z+.")); }

std::string numbers_of(const Totals& totals, double seconds) {
  return fmt::format(R"(tests="{}" failures="{}" errors="{}" time="{:.3f}")", totals.tests, totals.failures,
                     totals.errors, seconds);
}

void write_suite(Out out, const Report& report, std::string_view name, std::string_view at) {
  const auto totals = totals_of(report);
  fmt::format_to(out, "  <testsuite name=\"{}\" {} skipped=\"{}\" timestamp=\"{}\" hostname=\"{}\">\n",
                 escape_markup(name), numbers_of(totals, total_seconds(report)), totals.skipped,
                 escape_markup(without_zone(report.started)), escape_markup(report.target));
  write_properties(out, report);
  std::map<std::string_view, int> uses;  // a check that speaks twice, of two GPUs
  for (const auto& finding : report.findings) {
    const auto use = ++uses[finding.id];
    write_case(out, finding, use == 1 ? finding.id : fmt::format("{} #{}", finding.id, use), at);
  }
  fmt::format_to(out, "  </testsuite>\n");
}

std::string document(std::string_view name, const Totals& totals, double seconds, std::string_view suites) {
  return fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"{}\" {}>\n{}</testsuites>\n",
                     escape_markup(name), numbers_of(totals, seconds), suites);
}

}  // namespace

std::string render_junit(const Report& report, const RenderOptions& /*options*/) {
  std::string suite;
  const auto name = fmt::format("goldseal {} {}", report.verb, report.subject);
  write_suite(std::back_inserter(suite), report, name, {});
  return document(name, totals_of(report), total_seconds(report), suite);
}

std::string render_junit_together(std::span<const Report> reports, const RenderOptions& /*options*/) {
  std::string suites;
  Totals all;
  double seconds = 0;
  const auto labels = labels_of(reports);
  for (std::size_t i = 0; i < reports.size(); ++i) {
    const auto& report = reports[i];
    const auto on = labels[i] == report.target ? fmt::format("{} on {}", report.subject, labels[i]) : labels[i];
    write_suite(std::back_inserter(suites), report, fmt::format("goldseal {} {}", report.verb, on), labels[i]);
    const auto totals = totals_of(report);
    all = {all.tests + totals.tests, all.failures + totals.failures, all.errors + totals.errors,
           all.skipped + totals.skipped};
    seconds += total_seconds(report);
  }
  return document(fmt::format("goldseal {} {}", reports.front().verb, subject_of(reports)), all, seconds, suites);
}

}  // namespace goldseal

