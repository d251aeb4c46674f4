// SPDX-License-Identifier: Apache-2.0
#include "approve.hpp"
#include "report/samples.hpp"

#include <goldseal/base/messages/text.hpp>
#include <goldseal/report/renderer.hpp>
#include <goldseal/report/shared/layout.hpp>

#include <algorithm>

namespace goldseal {
namespace {

using namespace test;

std::string render(std::string_view format, const Report& report, const RenderOptions& options = {}) {
  return find_renderer(format)->render(report, options);
}

TEST_CASE("text shows verdict, cause and fix of each kind of failure as approved") {
  for (const auto& [name, report] : samples()) approve(render("text", report), "report/" + name + ".txt");
}

TEST_CASE("verbose text lists passes, skips and stages as approved") {
  approve(render("text", numeric_failure(), {.verbose = true, .width = 80}), "report/numeric-verbose.txt");
}

TEST_CASE("text without Unicode is ASCII, with colour it resets every style, and both say the same") {
  const auto report = key_failure();
  const auto ascii = render("text", report, {.unicode = false});
  CHECK(std::ranges::all_of(ascii, [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
  auto colored = render("text", report, {.color = true});
  CHECK(colored.find("\x1b[31m") != std::string::npos);
  for (auto at = colored.find('\x1b'); at != std::string::npos; at = colored.find('\x1b'))
    colored.erase(at, colored.find('m', at) - at + 1);
  CHECK(colored == render("text", report));
}

TEST_CASE("text below its first line keeps within the width") {
  for (const unsigned width : {60U, 80U, 132U}) {
    auto text = render("text", key_failure(), {.width = width});
    text.erase(0, text.find('\n'));
    for (const auto line : split(text, '\n')) {
      INFO(line);
      CHECK(display_width(line) <= width);
    }
  }
}

TEST_CASE("the verdict stands in the first line, before anything else") {
  CHECK(render("text", damaged_report()).starts_with("DAMAGED  yolov3.seal on gpu-node-7: 1 failed"));
  CHECK(render("text", Report{}).starts_with("INCONCLUSIVE  : no checks"));
}

TEST_CASE("oneline says the cause in at most 80 columns") {
  for (const auto& [name, report] : samples()) approve(render("oneline", report), "report/" + name + ".oneline.txt");
  auto report = hostile_report();
  report.findings[0].message.append(500, 'x');
  const auto line = render("oneline", report);
  CHECK(line.ends_with('\n'));
  CHECK(display_width(std::string_view(line).substr(0, line.size() - 1)) <= 80);
}

TEST_CASE("what a PASS leaves out stands apart from the subject") {
  auto report = passing_report();
  report.target.clear();
  std::erase_if(report.findings, [](const Finding& finding) { return finding.status != Status::pass; });
  const auto says = [&](const char* format, const std::string& scope, const std::string& start) {
    report.judged.scope = scope;
    const auto text = render(format, report);
    INFO(text);
    CHECK(text.starts_with(start));
  };
  const auto subject = report.subject + ": ";
  const std::string facts = "by facts alone (no file and no model was looked at)";
  says("text", facts, "PASS " + facts + "  " + subject);
  says("github", facts, "goldseal: PASS " + facts + "  " + subject);
  says("nagios", facts, "GOLDSEAL OK " + facts + " - " + subject);
  says("oneline", facts, "PASS by facts alone  " + subject);
  says("oneline", "for the sealed program; your code was not run",
       "PASS for the sealed program; your code was not run  " + subject);
  const std::string untold = "the code that the seal names was not run";
  for (const auto* format : {"text", "oneline"}) says(format, untold, "PASS (" + untold + ")  " + subject);
}

TEST_CASE("nothing from a file reaches a terminal unescaped") {
  for (const auto* format : {"text", "oneline", "json"}) {
    const auto text = render(format, hostile_report(), {.verbose = true});
    INFO(format << "\n" << text);
    CHECK(is_utf8(text));
    CHECK(std::ranges::none_of(text, [](char c) { return (c >= 0 && c < 0x20 && c != '\n') || c == 0x7F; }));
    CHECK(text.find("\xe2\x80\xae") == std::string::npos);
    CHECK(text.find("\xc2\x9b") == std::string::npos);
  }
}

TEST_CASE("wide characters and combining marks keep columns aligned") {
  CHECK(display_width("重み") == 4);
  CHECK(display_width("e\xcc\x81") == 1);
  CHECK(display_width(pad("重み", 6)) == 6);
  CHECK(shorten("module_list.104.conv_104.weight", 15, true) == "module_….weight");
  CHECK(shorten("module_list.104.conv_104.weight", 15, false) == "module_..weight");
  CHECK(shorten("重み重み", 5, true) == "重…み");
}

TEST_CASE("wrapping breaks at spaces and newlines and never drops a word") {
  CHECK(wrap("one two three", 7) == std::vector<std::string>{"one two", "three"});
  CHECK(wrap("a\nb", 7) == std::vector<std::string>{"a", "b"});
  CHECK(wrap("unbreakable", 4) == std::vector<std::string>{"unbreakable"});
  CHECK(wrap("", 4) == std::vector<std::string>{""});
}

TEST_CASE("a table beyond its row limit says how many rows were left out") {
  Table table{"t", {"n"}, {}};
  for (int i = 0; i < 1200; ++i) table.rows.push_back({std::to_string(i)});
  const auto lines = lay_out(table, 80, 3, false);
  REQUIRE(lines.size() == 6);
  CHECK(lines[2] == "0");
  CHECK(lines.back() == "... 1,197 more");
}

TEST_CASE("numbers that do not fit side by side follow below, under the rows' names once more, and none is shortened") {
  const Table table{"t",
                    {"output", "error/noise", "worst element", "found"},
                    {{"street/a-rather-long-name", "6340.25", "(0, 12, 5, 3)", "-1.5e-05"}, {"b", "1", "none", "nan"}}};
  CHECK(lay_out(table, 44, 9, false) == std::vector<std::string>{
                                            "output            error/noise  worst element",
                                            "----------------  -----------  -------------",
                                            "street/..ng-name      6340.25  (0, 12, 5, 3)",
                                            "b                           1           none",
                                            "output                        found",
                                            "-------------------------  --------",
                                            "street/a-rather-long-name  -1.5e-05",
                                            "b                               nan",
                                        });
  for (const std::size_t width : {36U, 40U, 48U, 80U}) {
    std::string all;
    for (const auto& line : lay_out(table, width, 9, false)) {
      INFO(line);
      CHECK(display_width(line) <= width);
      all += line + "\n";
    }
    for (const auto* whole : {"6340.25", "(0, 12, 5, 3)", "-1.5e-05", "none", "nan"})
      CHECK(all.find(whole) != std::string::npos);
  }
}

}  // namespace
}  // namespace goldseal
