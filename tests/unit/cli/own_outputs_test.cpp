// SPDX-License-Identifier: Apache-2.0
// Kinds: every format that is written and every one that is recognized, of a run and of a fleet; texts that are no report;
// a format that nobody has.
#include <goldseal/cli/own_outputs.hpp>
#include <goldseal/fleet/rendering/renderer.hpp>
#include <goldseal/report/renderer.hpp>
#include <report/samples.hpp>

#include <catch.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace goldseal::cli {
namespace {

template <class Renderers>
std::vector<std::string_view> names_of(Renderers renderers) {
  std::vector<std::string_view> names;
  for (const auto& renderer : renderers) names.push_back(renderer.name);
  return names;
}

TEST_CASE("the formats that are written are those that are recognized") {
  CHECK(recognized_reports(false) == names_of(renderers()));
  CHECK(recognized_reports(true) == names_of(fleet::fleet_renderers()));
}

TEST_CASE("each format knows its own reports, and nothing that goldseal did not write") {
  for (const auto& renderer : renderers()) {
    const auto kind = report_kind(renderer.name);
    CAPTURE(kind.name);
    CHECK(kind.name == std::string(renderer.name) + " report");
    for (auto& sample : test::samples()) {
      CAPTURE(sample.name);
      sample.report.version = "0.2.0";  // each report has the goldseal that made it
      CHECK(kind.is_own(renderer.render(sample.report, {})));
    }
    std::vector<Report> several;
    for (auto& sample : test::samples()) several.push_back(std::move(sample.report));
    for (auto& report : several) report.version = "0.2.0";
    CHECK(kind.is_own(render_all(renderer, several, {})));
    for (const auto* const other : {"notes\n", "{}", "[]", "PASSED\n", "# PASS: notes of mine\n", "## FAIL: why\n\n| a |\n", "<html></html>", "# HELP up\nup 1\n"}) CHECK_FALSE(kind.is_own(other));
  }
}

TEST_CASE("of a format that nobody has, nothing is goldseal's own") {
  for (const auto& kind : {report_kind("pdf"), fleet_report_kind("pdf"), report_kind(""), fleet_report_kind("sarif")}) {
    CHECK_FALSE(kind.is_own("PASS 3 checks: 3 passed\n"));
    CHECK_FALSE(kind.is_own(""));
  }
}

}  // namespace
}  // namespace goldseal::cli
