// SPDX-License-Identifier: Apache-2.0
// Several reports together (newcomer rows 5 and 15, bugs 5, 11, 15 to 17). Kinds: targets that fail alike and unlike,
// targets of one name, several subjects, a check that speaks twice of one target, a report without findings, tables that
// hold some of their rows.
#include "report/samples.hpp"
#include "catch.hpp"

#include <goldseal/base/messages/text.hpp>
#include <goldseal/report/renderer.hpp>
#include <goldseal/report/shared/several.hpp>

#include <algorithm>
#include <regex>
#include <set>

namespace goldseal {
namespace {

using namespace test;

std::string render(std::string_view format, std::span<const Report> reports, const RenderOptions& options = {}) {
  return render_all(*find_renderer(format), reports, options);
}

std::vector<std::string> all_matches(const std::string& text, const std::string& pattern) {
  const std::regex expression(pattern);
  std::vector<std::string> found;
  for (auto at = std::sregex_iterator(text.begin(), text.end(), expression); at != std::sregex_iterator(); ++at)
    found.push_back((*at)[1].str());
  return found;
}

std::size_t occurrences(std::string_view text, std::string_view part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++n;
  return n;
}

Finding finding(std::string id, Status status, std::string message) {
  Finding result;
  result.id = std::move(id);
  result.status = status;
  result.message = std::move(message);
  return result;
}

Report target(std::string name, std::vector<Finding> findings) {
  Report report;
  report.verb = "check";
  report.subject = "net.seal";
  report.target = std::move(name);
  report.started = "2026-03-14T09:26:53Z";
  report.findings = std::move(findings);
  return report;
}

Report good(std::string name) {
  return target(std::move(name), {finding("env.host.libraries", Status::pass, "new enough"),
                                  finding("env.torch.version", Status::warn, "another minor version")});
}

Report bad(std::string name) {
  auto report = good(std::move(name));
  report.findings.front().status = Status::fail;
  report.findings.front().message = "glibc is too old";
  report.findings.front().expected = "2.28";
  report.findings.front().actual = "2.17";
  report.findings.front().remedy = "use a newer image";
  report.next = "goldseal explain env.host.libraries";
  return report;
}

TEST_CASE("row 5, bug 5: JUnit has one suite a target, and no two cases of one name") {
  const std::vector reports{good("t4.toml"), bad("old.toml"), bad("older.toml")};
  const auto text = render("junit", reports);
  CHECK(all_matches(text, "<testsuite name=\"([^\"]*)\"") ==
        std::vector<std::string>{"goldseal check net.seal on t4.toml", "goldseal check net.seal on old.toml",
                                 "goldseal check net.seal on older.toml"});
  CHECK(all_matches(text, "hostname=\"([^\"]*)\"") == std::vector<std::string>{"t4.toml", "old.toml", "older.toml"});
  auto names = all_matches(text, "<testcase (name=\"[^\"]*\" classname=\"[^\"]*\")");
  CHECK(names.size() == 6);
  CHECK(std::set(names.begin(), names.end()).size() == names.size());
  CHECK(text.find("classname=\"goldseal.env @ old.toml\"") != std::string::npos);
  CHECK(occurrences(text, "<failure ") == 2);
  CHECK(text.find("<testsuites name=\"goldseal check net.seal on 3 targets\" tests=\"6\" failures=\"2\"") !=
        std::string::npos);
}

TEST_CASE("row 5: cases have names of their own where a target, or a check, comes twice") {
  auto twice = good("gpu");
  twice.findings.push_back(twice.findings.front());
  const std::vector reports{twice, bad("gpu"), good("")};
  for (const auto& text : {render("junit", reports), render("junit", {&reports.front(), 1})}) {
    auto names = all_matches(text, "<testcase (name=\"[^\"]*\" classname=\"[^\"]*\")");
    CHECK(std::set(names.begin(), names.end()).size() == names.size());
  }
  const auto labels = labels_of(reports);
  CHECK(std::set(labels.begin(), labels.end()).size() == 3);
}

TEST_CASE("what was written for several targets as JSON is shown by target again, in every format") {
  const std::vector reports{good("t4.toml"), bad("old.toml")};
  const auto read = by_target(parse_report(render("json", reports), "gate.json"));
  REQUIRE(read.size() == 2);
  CHECK(read[0].target == "t4.toml");
  CHECK(read[1].target == "old.toml");
  for (std::size_t i = 0; i < 2; ++i) CHECK(read[i].findings == reports[i].findings);
  CHECK(verdict(read[0]) == ExitCode::conforms);
  CHECK(verdict(read[1]) == ExitCode::fails);
  CHECK(render("junit", read) == render("junit", reports));
  CHECK(by_target(reports.front()) == std::vector{reports.front()});
}

TEST_CASE("no report is lost among others: the gravest verdict counts, also of one without findings") {
  const std::vector empty{good("a"), target("b", {})};
  CHECK(worst_verdict(empty) == ExitCode::inconclusive);
  auto damaged = good("c");
  damaged.findings.front().status = Status::fail;
  damaged.findings.front().severity = Severity::integrity;
  CHECK(worst_verdict(std::vector{bad("a"), damaged}) == ExitCode::integrity);
  CHECK(worst_verdict(std::vector{target("b", {}), bad("a")}) == ExitCode::fails);
  CHECK(render("text", empty).starts_with("INCONCLUSIVE"));
}

TEST_CASE("row 15: text says once what it says of several targets, and how many") {
  const std::vector reports{good("a"), bad("b"), good("c")};
  const auto text = render("text", reports, {.unicode = true});
  CHECK(text.starts_with("FAIL  net.seal on 3 targets: 1 FAIL, 2 PASS\n"));
  CHECK(occurrences(text, "warning[env.torch.version]") == 1);
  CHECK(text.find("warning[env.torch.version] on all 3 targets: another minor version") != std::string::npos);
  CHECK(text.find("error[env.host.libraries] on 1 of 3 targets (b): glibc is too old") != std::string::npos);
  CHECK(text.find("next: goldseal explain env.host.libraries\n2 of 3 targets conform\n") != std::string::npos);
  CHECK(text.find("  FAIL          b  1 failed, 1 warning\n  PASS          a  1 warning, 1 passed\n") !=
        std::string::npos);
  // With -v every report is shown whole.
  CHECK(occurrences(render("text", reports, {.verbose = true}), "warning[env.torch.version]") == 3);
}

TEST_CASE("row 15: what differs in any word is said of each target") {
  auto other = bad("b");
  other.findings.front().actual = "2.12";
  const std::vector reports{bad("a"), other};
  CHECK(occurrences(render("text", reports), "error[env.host.libraries]") == 2);
}

TEST_CASE("bug 15: a step's summary names each target, and what is left over is where it is said to be") {
  const std::vector reports{good("a"), bad("b")};
  const auto summary = render("markdown", reports);
  CHECK(all_matches(summary, "\n(## [^\n]*)") ==
        std::vector<std::string>{"## FAIL: check `net.seal` on `b`", "## PASS: check `net.seal` on `a`"});
  CHECK(summary.find("| `b` | FAIL | 1 failed, 1 warning |") != std::string::npos);
  CHECK(render("markdown", {&reports.front(), 1}).starts_with("## PASS: check `net.seal` on `a`"));

  auto many = target("c", {});
  for (int i = 0; i < 15; ++i) many.findings.push_back(finding("a.b" + std::to_string(i), Status::fail, "so"));
  CHECK(render("github", {&many, 1}).find("5 more; --report markdown=FILE writes all of them") != std::string::npos);
  CHECK(render("github", {&many, 1}, {.step_summary = true}).find("5 more; the step's summary has") !=
        std::string::npos);
  const auto annotations = render("github", reports);
  CHECK(occurrences(annotations, "::warning ") == 1);
  CHECK(annotations.find("::error title=env.host.libraries::on 1 of 2 targets (b): glibc is too old") !=
        std::string::npos);
  CHECK(annotations.find("goldseal: FAIL  b: 1 failed, 1 warning\ngoldseal: PASS  a") != std::string::npos);
}

TEST_CASE("Prometheus keeps the series of each target, and those of one metric together") {
  const std::vector reports{good("a"), bad("b")};
  const auto text = render("prometheus", reports);
  CHECK(text.find("goldseal_exit_code{verb=\"check\",subject=\"net.seal\",target=\"a\"} 0\n"
                  "goldseal_exit_code{verb=\"check\",subject=\"net.seal\",target=\"b\"} 1\n") != std::string::npos);
  CHECK(occurrences(text, "# TYPE goldseal_check_failed gauge") == 1);
}

TEST_CASE("bugs 16 and 17: the page has failing targets first, and cause and fix of each below the matrix") {
  const std::vector reports{good("a"), bad("b"), good("c"), bad("d")};
  const auto text = render("html", reports);
  CHECK(all_matches(text, "<th scope=\"col\"><a href=\"#(r[0-9])-\">") ==
        std::vector<std::string>{"r1", "r3", "r0", "r2"});
  const auto before_reports = text.substr(0, text.find("<article"));
  CHECK(before_reports.find("Why it fails: <a href=\"#r1-\">b</a>, <a href=\"#r3-\">d</a>") != std::string::npos);
  CHECK(occurrences(before_reports, "use a newer image") == 1);
  auto other = bad("d");
  other.findings.front().remedy = "use another machine";
  const auto apart = render("html", std::vector{bad("b"), other});
  CHECK(occurrences(apart.substr(0, apart.find("<article")), "Why it fails: ") == 2);
}

TEST_CASE("bug 11: tables say how many rows there are, in every format that shows them") {
  auto report = bad("a");
  Table table{"tensors that differ", {"tensor", "what happened"}, {}, 32};
  for (int i = 0; i < 12; ++i) table.rows.push_back({"t" + std::to_string(i), "changed"});
  report.findings.front().tables.push_back(table);
  const std::span one(&report, 1);
  const auto text = render("text", one);
  CHECK(text.find("tensors that differ (10 of 32)") != std::string::npos);
  CHECK(text.find("… 22 more") != std::string::npos);
  const auto verbose = render("text", one, {.verbose = true});
  CHECK(verbose.find("tensors that differ (12 of 32)") != std::string::npos);
  CHECK(verbose.find("… 20 more") != std::string::npos);
  CHECK(render("html", one).find("<caption>tensors that differ (12 of 32)</caption>") != std::string::npos);
  CHECK(render("junit", one).find("tensors that differ (12 of 32)") != std::string::npos);
  const auto markdown = render("markdown", one);
  CHECK(markdown.find("**tensors that differ (12 of 32)**") != std::string::npos);
  CHECK(markdown.find("20 more rows") != std::string::npos);
  CHECK(render("json", one).find("\"total\": 32") != std::string::npos);
  CHECK(parse_report(render("json", one), "run.json") == report);
  // Where all are shown nothing is added.
  report.findings.front().tables.front().total = 0;
  CHECK(render("html", one).find("<caption>tensors that differ</caption>") != std::string::npos);
  CHECK(render("text", one).find("tensors that differ (10 of 12)") != std::string::npos);
}

TEST_CASE("what stands together stays a text: hostile targets break no format") {
  auto hostile = hostile_report();
  hostile.target = "a\"><script>\n::error::x\x1b[31m|`";
  const std::vector reports{hostile, bad("b")};
  for (const auto& renderer : renderers()) {
    INFO(renderer.name);
    const auto text = render_all(renderer, reports, {});
    CHECK(is_utf8(text));
    CHECK(std::ranges::none_of(text, [](char c) { return (c >= 0 && c < 0x20 && c != '\n') || c == 0x7F; }));
    if (renderer.name == "html" || renderer.name == "junit") CHECK(text.find("\"><script>") == std::string::npos);
  }
}

}  // namespace
}  // namespace goldseal
