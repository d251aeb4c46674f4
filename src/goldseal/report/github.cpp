// SPDX-License-Identifier: Apache-2.0
// Workflow commands of GitHub Actions. It shows ten annotations of a step, so the gravest ten are written; the
// markdown format is for the step's summary.
#include <goldseal/report/shared/formats.hpp>

#include <goldseal/base/messages/text.hpp>
#include <goldseal/report/shared/layout.hpp>
#include <goldseal/report/shared/several.hpp>
#include <goldseal/report/shared/severity_order.hpp>
#include <goldseal/report/shared/source_location.hpp>

#include <fmt/format.h>

namespace goldseal {
namespace {

constexpr std::size_t k_most_annotations = 10;

// The runner decodes these five, and the last two in properties alone.
std::string encoded(std::string_view text, bool property) {
  std::string result;
  for (const char c : text) {
    if (c == '%') {
      result += "%25";
    } else if (c == '\n') {
      result += "%0A";
    } else if (property && c == ':') {
      result += "%3A";
    } else if (property && c == ',') {
      result += "%2C";
    } else {
      result += c;
    }
  }
  return result;
}

std::string property(std::string_view text) { return encoded(escape_unprintable(text), true); }

std::string message_of(const Finding& finding) {
  std::string text;
  const auto add = [&](std::string_view label, const std::string& value) {
    if (!value.empty()) text += fmt::format("{}{}{}", text.empty() ? "" : "\n", label, value);
  };
  add("", finding.target.empty() ? finding.message : fmt::format("on {}: {}", finding.target, finding.message));
  add("expected: ", finding.expected);
  add("found: ", finding.actual);
  add("fix: ", finding.remedy);
  return encoded(printable_lines(text, true), false);
}

std::string_view command_of(Gravity severity_order) {
  if (severity_order <= Gravity::undecided) return "error";
  return severity_order == Gravity::warned ? "warning" : "notice";
}

std::string annotation(const Finding& finding) {
  std::string place;
  if (const auto found = place_of(finding)) place = fmt::format("file={},line={},", property(found->file), found->line);
  return fmt::format("::{} {}title={}::{}\n", command_of(severity_order(finding)), place, property(finding.id),
                     message_of(finding));
}

}  // namespace

std::string render_github(const Report& report, const RenderOptions& options) {
  std::string text;
  std::size_t shown = 0;
  std::size_t left = 0;
  for (const auto* finding : by_gravity(report)) {
    if (severity_order(*finding) >= Gravity::passed) break;
    if (shown == k_most_annotations) {
      ++left;
    } else {
      text += annotation(*finding);
      ++shown;
    }
  }
  text += fmt::format("goldseal: {}{}{}: {}\n", verdict_line(report), scope_clause(report).empty() ? " " : "  ",
                      printable(report.subject, options.unicode), counted(report));
  if (left > 0) {
    text += fmt::format("goldseal: {} more; {}\n", format_count(left),
                        options.step_summary ? "the step's summary has all of them"
                                             : "--report markdown=FILE writes all of them");
  }
  return text;
}

std::string render_github_together(std::span<const Report> reports, const RenderOptions& options) {
  auto text = render_github(folded(reports), options);
  const auto labels = labels_of(reports);
  for (const auto i : gravest_first(reports))
    text += fmt::format("goldseal: {}  {}: {}\n", headline(verdict(reports[i])), printable(labels[i], options.unicode),
                        counted(reports[i]));
  return text;
}

}  // namespace goldseal
