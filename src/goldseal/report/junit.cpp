// SPDX-License-Identifier: Apache-2.0
// JUnit's XML as CI systems read it: a check is a test case; a check that had to judge and could not is an error.
#include <goldseal/report/shared/formats.hpp>

#include <goldseal/report/shared/markup.hpp>
#include <goldseal/report/shared/severity_order.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iterator>

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
    body += table.title + "\n";
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

void write_case(Out out, const Finding& finding) {
  const auto group = finding.id.substr(0, finding.id.find('.'));
  fmt::format_to(out,
                 R"(    <testcase name="{}" classname="goldseal.{}" time="{:.3f}">)"
                 "\n",
                 escape_markup(finding.id), escape_markup(group), finding.seconds);
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
  std::size_t failures = 0;
  std::size_t errors = 0;
  std::size_t skipped = 0;
};

Totals totals_of(const Report& report) {
  Totals totals;
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

}  // namespace

std::string render_junit(const Report& report, const RenderOptions& /*options*/) {
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  const auto out = std::back_inserter(text);
  const auto totals = totals_of(report);
  const auto numbers = fmt::format(R"(tests="{}" failures="{}" errors="{}" time="{:.3f}")", report.findings.size(),
                                   totals.failures, totals.errors, total_seconds(report));
  const auto name = escape_markup(fmt::format("goldseal {} {}", report.verb, report.subject));
  fmt::format_to(out, "<testsuites name=\"{}\" {}>\n  <testsuite name=\"{}\" {} skipped=\"{}\"", name, numbers, name,
                 numbers, totals.skipped);
  fmt::format_to(out, " timestamp=\"{}\" hostname=\"{}\">\n", escape_markup(without_zone(report.started)),
                 escape_markup(report.target));
  write_properties(out, report);
  for (const auto& finding : report.findings) write_case(out, finding);
  return text + "  </testsuite>\n</testsuites>\n";
}

}  // namespace goldseal
