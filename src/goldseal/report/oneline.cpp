// SPDX-License-Identifier: Apache-2.0
#include <goldseal/report/shared/formats.hpp>

#include <goldseal/report/shared/layout.hpp>
#include <goldseal/report/shared/severity_order.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace goldseal {
namespace {

// The length that node-problem-detector's sample configuration allows a plugin's output.
constexpr std::size_t k_width = 80;

// How many more have something to say; what need not be judged is not counted.
std::string others(const Report& report, const Finding& shown) {
  std::string text;
  const auto add = [&](Status status) {
    const auto n = std::ranges::count_if(report.findings, [&](const Finding& finding) {
      return &finding != &shown && finding.status == status && severity_order(finding) != Gravity::unjudged;
    });
    if (n > 0) text += fmt::format("{}+{} {}", text.empty() ? " (" : ", ", n, to_string(status));
  };
  add(Status::fail);
  add(Status::unknown);
  add(Status::warn);
  return text.empty() ? text : text + ")";
}

// What was found and expected where both fit, else the sentence that says it.
std::string detail(const Finding& finding, std::size_t width, bool unicode) {
  auto pair = printable(fmt::format("{}, expected {}", finding.actual, finding.expected), unicode);
  const bool complete = !finding.actual.empty() && !finding.expected.empty();
  return complete && display_width(pair) <= width ? std::move(pair) : printable(finding.message, unicode);
}

// There is no room for the words in brackets behind `by facts alone`.
std::string brief_verdict(const Report& report) {
  const auto clause = scope_clause(report);
  if (clause.empty()) return std::string(headline(verdict(report))) + " ";
  const auto bracket = clause.find(" (", 1);
  return std::string(headline(verdict(report))) + clause.substr(0, bracket) + "  ";
}

}  // namespace

std::string render_oneline(const Report& report, const RenderOptions& options) {
  const auto code = verdict(report);
  const auto* const shown = cause(report);
  if (shown == nullptr || code == ExitCode::conforms) {
    const auto line =
        fmt::format("{}{}: {}", brief_verdict(report), printable(report.subject, options.unicode), counted(report));
    return cut(line, k_width, options.unicode) + "\n";
  }
  const auto tail = others(report, *shown);
  const auto head = fmt::format("{} {}: ", headline(code), printable(shown->id, options.unicode));
  const auto width = k_width - tail.size();
  return cut(head + detail(*shown, width - std::min(width, display_width(head)), options.unicode), width,
             options.unicode) +
         tail + "\n";
}

}  // namespace goldseal
