// SPDX-License-Identifier: Apache-2.0
// JUnit's XML: a node is a test case. What cannot be judged (missing, stale …) is an error, what is wrong a failure.
#include <goldseal/fleet/rendering/renderer.hpp>
#include <goldseal/fleet/rendering/summary.hpp>
#include <goldseal/report/shared/markup.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace goldseal::fleet {
namespace {

std::string body_of(const NodeResult& node) {
  std::string body;
  for (const auto& p : node.problems) {
    body += fmt::format("{}{}{}: {}\n", traits(p.trouble).name, p.part.empty() ? "" : " ", p.part, p.message);
    if (!p.remedy.empty()) body += fmt::format("fix: {}\n", p.remedy);
  }
  return body + fmt::format("action: {}\n", row_of(k_actions, node.action).name);
}

double seconds_of(const Fleet& fleet, const NodeResult& node) {
  double seconds = 0;
  for (const auto i : node.reports)
    for (const auto& stage : fleet.collection.reports[i].stages) seconds += stage.seconds;
  return seconds;
}

}  // namespace

std::string render_fleet_junit(const Fleet& fleet, const RenderOptions& /*options*/) {
  const auto has = [&](auto which) { return std::ranges::count_if(fleet.nodes, which); };
  const auto fails = [](const NodeResult& n) { return n.code == ExitCode::fails || n.code == ExitCode::integrity; };
  const auto errs = [&](const NodeResult& n) { return n.code != ExitCode::conforms && !fails(n); };
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  const auto out = std::back_inserter(text);
  const auto counts = fmt::format(R"(tests="{}" failures="{}" errors="{}" skipped="0")", fleet.nodes.size(), has(fails), has(errs));
  fmt::format_to(out, "<testsuites name=\"goldseal merge\" {}>\n  <testsuite name=\"{}\" {} timestamp=\"{}\">\n", counts,
                 escape_markup("goldseal merge " + subjects(fleet)), counts, escape_markup(fleet.merged.substr(0, 19)));
  for (const auto& node : fleet.nodes) {
    fmt::format_to(out, "    <testcase name=\"{}\" classname=\"goldseal.fleet\" time=\"{:.3f}\">", escape_markup(node.name),
                   seconds_of(fleet, node));
    const auto body = node.problems.empty() ? std::string() : escape_markup(body_of(node));
    if (node.code != ExitCode::conforms) {
      const std::string_view element = fails(node) ? "failure" : "error";
      const auto& first = node.problems.front();
      fmt::format_to(out, "\n      <{0} message=\"{1}\" type=\"{2}\">{3}</{0}>\n    ", element, escape_markup(first.message),
                     traits(first.trouble).name, body);
    } else if (!body.empty()) {
      fmt::format_to(out, "\n      <system-out>{}</system-out>\n    ", body);
    }
    text += "</testcase>\n";
  }
  return text + "  </testsuite>\n</testsuites>\n";
}

}  // namespace goldseal::fleet
