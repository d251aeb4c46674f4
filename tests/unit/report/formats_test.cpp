// SPDX-License-Identifier: Apache-2.0
#include "approve.hpp"
#include "report/samples.hpp"

#include <goldseal/base/messages/text.hpp>
#include <goldseal/report/renderer.hpp>
#include <goldseal/report/shared/source_location.hpp>

#include <algorithm>

namespace goldseal {
namespace {

using namespace test;

std::string render(std::string_view format, const Report& report) { return find_renderer(format)->render(report, {}); }

std::size_t occurrences(std::string_view text, std::string_view part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++n;
  return n;
}

// A report small enough to read in every format.
Report small_report() {
  auto report = numeric_failure();
  std::erase_if(report.findings, [](const Finding& f) {
    return f.id != "golden.native" && f.id != "environment.cudnn" && f.id != "keys.match" &&
           f.status != Status::skipped;
  });
  return report;
}

TEST_CASE("each format for programs is as approved") {
  const auto report = small_report();
  approve(render("junit", report), "report/numeric.junit.xml");
  approve(render("sarif", report), "report/numeric.sarif");
  approve(render("github", report), "report/numeric.github.txt");
  approve(render("markdown", report), "report/numeric.md");
  approve(render("nagios", report), "report/numeric.nagios.txt");
  approve(render("prometheus", report), "report/numeric.prom");
}

TEST_CASE("formats are found by name, and only by their whole name") {
  for (const auto& renderer : renderers()) CHECK(find_renderer(renderer.name) == &renderer);
  CHECK(find_renderer("jso") == nullptr);
  CHECK(find_renderer("") == nullptr);
}

TEST_CASE("no format lets a control character or a byte that is not UTF-8 through") {
  for (const auto& renderer : renderers()) {
    const auto text = renderer.render(hostile_report(), {.verbose = true});
    INFO(renderer.name);
    CHECK(is_utf8(text));
    CHECK(std::ranges::none_of(text, [](char c) { return (c >= 0 && c < 0x20 && c != '\n') || c == 0x7F; }));
    CHECK(text.find("\xe2\x80\xae") == std::string::npos);
  }
}

TEST_CASE("a text cannot start a workflow command of its own") {
  const auto text = render("github", hostile_report());
  std::size_t commands = 0;
  for (const auto line : split(text, '\n')) commands += line.starts_with("::") ? 1U : 0U;
  CHECK(commands == 1);
  CHECK(text.find("%250A%3A%3Awarning") == std::string::npos);
  CHECK(text.find("%250A::warning") != std::string::npos);
}

TEST_CASE("github annotates the gravest ten and says how many are left") {
  auto report = large_report(100);
  const auto text = render("github", report);
  CHECK(occurrences(text, "::error ") == 10);
  CHECK(occurrences(text, "::warning ") == 0);
  CHECK(text.find("goldseal: 50 more") != std::string::npos);
  report.findings.resize(4);
  CHECK(render("github", report).find("more to read") == std::string::npos);
}

TEST_CASE("an origin is a place in a file only where a line is known") {
  Finding finding;
  finding.origin = "yolov3.seal/manifest.toml:14";
  REQUIRE(place_of(finding));
  CHECK(place_of(finding)->file == "yolov3.seal/manifest.toml");
  CHECK(place_of(finding)->line == 14);
  for (const auto* origin :
       {"", "yolov3.pth", "yolov3.pth at byte 4096", "yolov3.pth:/model", ":3", "a:0", "a:99999999999"}) {
    finding.origin = origin;
    INFO(origin);
    CHECK_FALSE(place_of(finding));
  }
}

TEST_CASE("SARIF points at the manifest's line, JUnit counts failures and errors apart") {
  CHECK(render("sarif", environment_failure()).find("\"startLine\": 14") != std::string::npos);
  const auto junit = render("junit", key_failure());
  CHECK(junit.find(R"(failures="1" errors="1")") != std::string::npos);
}

TEST_CASE("nagios data keeps small limits, without an exponent") {
  auto report = passing_report();
  report.findings = {Finding{}};
  report.findings.front().id = "golden.float64";
  report.findings.front().measurements = {{"diffuse", 4.5e-9, 256 * 0x1p-29, ""}, {"bytes", 12'000'000, 1e9, "B"}};
  const auto text = render("nagios", report);
  CHECK(text.find("'golden.float64 diffuse'=0.0000000045;;0.000000476837 ") != std::string::npos);
  CHECK(text.find("'golden.float64 bytes'=12000000B;;1000000000") != std::string::npos);
}

TEST_CASE("of several reports monitoring takes the worst: CRITICAL, UNKNOWN, WARNING, OK") {
  const auto worst = [](std::vector<Report> reports) { return worst_nagios_exit_code(reports); };
  CHECK(worst({passing_report(), inconclusive_report(), numeric_failure()}) == 2);
  CHECK(worst({inconclusive_report(), passing_report()}) == 3);
  CHECK(worst({damaged_report(), inconclusive_report()}) == 2);
  CHECK(worst({passing_report(), passing_report()}) == 1);
}

TEST_CASE("nagios codes follow the verdict, and warnings are WARNING") {
  CHECK(nagios_exit_code(passing_report()) == 1);
  CHECK(nagios_exit_code(numeric_failure()) == 2);
  CHECK(nagios_exit_code(damaged_report()) == 2);
  CHECK(nagios_exit_code(inconclusive_report()) == 3);
  CHECK(nagios_exit_code(Report{}) == 3);
  auto report = passing_report();
  std::erase_if(report.findings, [](const Finding& f) { return f.status == Status::warn; });
  CHECK(nagios_exit_code(report) == 0);
  CHECK(render("nagios", report).starts_with("GOLDSEAL OK - "));
}

TEST_CASE("nagios text holds one pipe, before the performance data") {
  const auto text = render("nagios", hostile_report());
  CHECK(occurrences(text, "|") == 1);
}

TEST_CASE("prometheus has a series once however often a check measures the same") {
  auto report = numeric_failure();
  const auto native = report.findings[report.findings.size() - 2];
  report.findings.push_back(native);
  report.findings.back().measurements[0].value = 1;
  const auto text = render("prometheus", report);
  const std::string series = "name=\"street/boxes_13.diffuse\",unit=\"noise\"} 6340.5";
  CHECK(occurrences(text, series) == 1);
  CHECK(text.find("goldseal_last_run_timestamp_seconds{verb=\"verify\",subject=\"yolov3.seal\",target=\"gpu-node-7\"} "
                  "1773480413") != std::string::npos);
  report.started = "yesterday";
  CHECK(render("prometheus", report).find("timestamp") == std::string::npos);
}

}  // namespace
}  // namespace goldseal
