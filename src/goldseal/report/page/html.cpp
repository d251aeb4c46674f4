// SPDX-License-Identifier: Apache-2.0
// The report as one HTML file: no request is made (a policy in the page forbids it), the charts are SVG, and without
// script everything is still there to read.
#include <goldseal/report/shared/formats.hpp>

#include <goldseal/base/messages/text.hpp>
#include <goldseal/report/page/matrix.hpp>
#include <goldseal/report/page/page.hpp>
#include <goldseal/report/shared/markup.hpp>
#include <goldseal/report/shared/several.hpp>
#include <goldseal/report/shared/severity_order.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <tuple>

namespace goldseal {

void begin_page(std::string& out, std::string_view title, std::string_view more_style) {
  fmt::format_to(std::back_inserter(out), R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none';style-src 'unsafe-inline';script-src 'unsafe-inline';img-src data:">
<meta name="generator" content="goldseal">
<title>{}</title>
<link rel="icon" href="data:,">
<style>{}{}</style>
</head>
<body>
)",
                 escape_markup(title), page_style(), more_style);
}

void end_page(std::string& out, std::string_view script) {
  fmt::format_to(std::back_inserter(out), "<script>{}</script>\n</body>\n</html>\n", script);
}

namespace {

// A seal with a tick, a cross or a question mark, so that the verdict does not hang on its colour.
std::string_view emblem(ExitCode code) {
  switch (code) {
    case ExitCode::conforms:
      return "M15 25l7 7 13-14";
    case ExitCode::fails:
    case ExitCode::integrity:
      return "M17 17l16 16M33 17l-16 16";
    case ExitCode::inconclusive:
    case ExitCode::no_verdict:
    case ExitCode::defect:
      break;
  }
  return "M19 20c0-8 12-8 12 0 0 5-6 5-6 10M25 35v1";
}

void write_chip(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  fmt::format_to(std::back_inserter(out), "<div><dt>{}</dt><dd>{}</dd></div>", escape_markup(name),
                 escape_markup(value));
}

void write_verdict(std::string& out, const Report& report) {
  const auto code = verdict(report);
  const auto target = report.target.empty() ? "" : fmt::format(" <span>on {}</span>", escape_markup(report.target));
  fmt::format_to(std::back_inserter(out),
                 R"(<header class="verdict {}"><svg viewBox="0 0 50 50" fill="none" stroke-width="4" )"
                 R"(stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><circle cx="25" cy="25" r="21"/>)"
                 R"(<path d="{}"/></svg><h1><b>{}</b> {}{}</h1><p>{}</p><dl class="chips">)",
                 color_of(code), emblem(code), escape_markup(verdict_line(report)), escape_markup(report.subject), target, counted(report));
  for (const auto& [name, value] : report.facts) write_chip(out, name, value);
  write_chip(out, "judged", judged_sentence(report));
  write_chip(out, "policy", report.policy);
  write_chip(out, "command", report.verb);
  write_chip(out, "started", report.started);
  out += "</dl></header>\n";
}

// Every part that has something to say, with links to them above.
void write_parts(std::string& out, const Report& report, std::string_view prefix) {
  struct Part {
    std::string_view id, name;
    void (*write)(std::string&, const Report&, std::string_view);
  };
  constexpr std::array k_parts{
      Part{"findings", "Findings", write_findings}, Part{"environment", "Environment", write_environment},
      Part{"outputs", "Outputs", write_outputs},    Part{"layers", "Layers", write_layers},
      Part{"tensors", "Tensors", write_tensors},    Part{"pictures", "Pictures", write_pictures},
      Part{"stages", "Time", write_stages}};
  std::string links;
  std::string parts;
  for (const auto& part : k_parts) {
    const auto before = parts.size();
    part.write(parts, report, prefix);
    if (parts.size() > before)
      fmt::format_to(std::back_inserter(links), "<a href=\"#{}{}\">{}</a>", prefix, part.id, part.name);
  }
  fmt::format_to(std::back_inserter(out), "<nav aria-label=\"Parts\">{}</nav>\n{}", links, parts);
}

void write_report(std::string& out, const Report& report, std::string_view prefix) {
  write_verdict(out, report);
  write_cause(out, report, prefix);
  write_parts(out, report, prefix);
}

void write_foot(std::string& out, std::string_view version) {
  fmt::format_to(std::back_inserter(out),
                 "<footer>goldseal {}. This file loads nothing from anywhere.</footer>\n</main>\n",
                 escape_markup(version));
}

// --- several reports -------------------------------------------------------------------------------------------------

struct Row {
  std::string_view id;
  std::vector<std::size_t> findings;  // one for each report: its place there, or k_none
};

constexpr auto k_none = static_cast<std::size_t>(-1);

// The checks in the order in which they first occur; of a check that speaks twice, the graver finding.
std::vector<Row> rows_of(std::span<const Report> reports) {
  std::vector<Row> rows;
  std::map<std::string_view, std::size_t> index;
  for (std::size_t r = 0; r < reports.size(); ++r) {
    const auto& findings = reports[r].findings;
    for (std::size_t f = 0; f < findings.size(); ++f) {
      const auto [entry, added] = index.try_emplace(findings[f].id, rows.size());
      if (added) rows.push_back({findings[f].id, std::vector<std::size_t>(reports.size(), k_none)});
      auto& cell = rows[entry->second].findings[r];
      if (cell == k_none || severity_order(findings[f]) < severity_order(findings[cell])) cell = f;
    }
  }
  return rows;
}

bool all_pass(const Row& row, std::span<const Report> reports) {
  for (std::size_t r = 0; r < reports.size(); ++r)
    if (row.findings[r] == k_none || severity_order(reports[r].findings[row.findings[r]]) < Gravity::passed)
      return false;
  return true;
}

void write_cell(std::string& out, std::string_view color, std::string_view label, std::string_view link,
                std::string_view title, std::string_view text) {
  fmt::format_to(std::back_inserter(out), R"(<td class="{}" data-of="{}"><a href="#{}" title="{}">{}</a></td>)", color,
                 escape_markup(label), link, escape_markup(title), escape_markup(text));
}

void write_matrix_row(std::string& out, const Row& row, std::span<const Report> reports,
                      const std::vector<std::size_t>& order, const std::vector<std::string>& labels) {
  fmt::format_to(std::back_inserter(out), "<tr{}><th scope=\"row\" class=\"mono\">{}</th>",
                 all_pass(row, reports) ? " class=\"same\"" : "", escape_markup(row.id));
  for (const auto r : order) {
    const auto f = row.findings[r];
    if (f == k_none) {
      fmt::format_to(std::back_inserter(out), "<td data-of=\"{}\">not run</td>", escape_markup(labels[r]));
      continue;
    }
    const auto& finding = reports[r].findings[f];
    write_cell(out, color_of(finding), labels[r], fmt::format("r{}-f{}", r, f), finding.message,
               to_string(finding.status));
  }
  out += "</tr>\n";
}

void write_matrix(std::string& out, std::span<const Report> reports, const std::vector<std::size_t>& order,
                  const std::vector<std::string>& labels) {
  out +=
      R"(<section><h2>Checks by target</h2><div class="tools matrix-tools"><label><input type="checkbox" checked> )"
      R"(leave out checks that pass everywhere</label></div><div class="wide"><table class="matrix"><thead><tr><td></td>)";
  for (const auto r : order)
    fmt::format_to(std::back_inserter(out), R"(<th scope="col"><a href="#r{}-">{}</a></th>)", r,
                   escape_markup(labels[r]));
  out += "</tr></thead><tbody><tr><th scope=\"row\">verdict</th>";
  for (const auto r : order) {
    const auto code = verdict(reports[r]);
    write_cell(out, std::string(color_of(code)) + " whole", labels[r], fmt::format("r{}-", r), "", verdict_line(reports[r]));
  }
  out += "</tr>\n";
  for (const auto& row : rows_of(reports)) write_matrix_row(out, row, reports, order, labels);
  out +=
      "</tbody></table></div><p class=\"soft\">A cell leads to its finding, a name to its whole "
      "report.</p></section>\n";
}

bool same_cause(const Report& a, const Report& b) {
  const auto* const one = cause(a);
  const auto* const other = cause(b);
  return one != nullptr && other != nullptr &&
         std::tie(one->id, one->message, one->expected, one->actual, one->remedy) ==
             std::tie(other->id, other->message, other->expected, other->actual, other->remedy);
}

// What holds targets back, with what to do: on paper and on a small screen nobody follows a cell of the matrix. Targets
// that fail for the same reason share one.
void write_causes(std::string& out, std::span<const Report> reports, const std::vector<std::size_t>& order,
                  const std::vector<std::string>& labels) {
  std::vector<std::size_t> told;
  for (const auto r : order) {
    if (verdict(reports[r]) == ExitCode::conforms) continue;
    const auto shares = [&](std::size_t other) { return same_cause(reports[other], reports[r]); };
    if (std::ranges::any_of(told, shares)) continue;
    told.push_back(r);
    std::string targets;
    for (const auto other : order) {
      if (other != r && !shares(other)) continue;
      fmt::format_to(std::back_inserter(targets), R"({}<a href="#r{}-">{}</a>)", targets.empty() ? "" : ", ", other,
                     escape_markup(labels[other]));
    }
    write_short_cause(out, reports[r], fmt::format("r{}-", r), targets);
  }
}

}  // namespace

std::string_view color_of(ExitCode code) {
  switch (code) {
    case ExitCode::conforms:
      return "pass";
    case ExitCode::fails:
    case ExitCode::integrity:
      return "fail";
    case ExitCode::inconclusive:
    case ExitCode::no_verdict:
    case ExitCode::defect:
      break;
  }
  return "unknown";
}

std::string_view color_of(const Finding& finding) { return to_string(finding.status); }

std::string render_html(const Report& report, const RenderOptions& /*options*/) {
  std::string out;
  out.reserve(32'768 + 800 * report.findings.size() + 200 * report.evidence.tensors.size());
  begin_page(out, fmt::format("{}: {} on {}", verdict_line(report), report.subject, report.target));
  if (!report.findings.empty()) out += "<a class=\"skip\" href=\"#findings\">To the findings</a>\n";
  out += "<main>\n";
  write_report(out, report, "");
  write_foot(out, report.version);
  end_page(out, page_script());
  return out;
}

std::string render_matrix(std::span<const Report> reports) {
  if (reports.empty()) throw Error(ErrorKind::usage, "", "a matrix needs at least one report", "name JSON reports");
  const auto worst = worst_verdict(reports);
  const auto order = gravest_first(reports);
  const auto labels = labels_of(reports);
  std::string out;
  const auto title = subject_of(reports);
  begin_page(out, fmt::format("{}: {}", headline(worst), title));
  fmt::format_to(std::back_inserter(out),
                 R"(<main><header class="verdict {}"><svg viewBox="0 0 50 50" fill="none" stroke-width="4" )"
                 R"(stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><circle cx="25" cy="25" r="21"/>)"
                 R"(<path d="{}"/></svg><h1><b>{}</b> {}</h1><p>{}</p></header>)"
                 "\n",
                 color_of(worst), emblem(worst), headline(worst), escape_markup(title), counted_verdicts(reports));
  write_matrix(out, reports, order, labels);
  write_causes(out, reports, order, labels);
  for (std::size_t r = 0; r < reports.size(); ++r) {
    const auto prefix = fmt::format("r{}-", r);
    fmt::format_to(std::back_inserter(out), "<article id=\"{}\" tabindex=\"-1\">\n", prefix);
    write_report(out, reports[r], prefix);
    out += "</article>\n";
  }
  write_foot(out, reports.front().version);
  end_page(out, page_script());
  return out;
}

}  // namespace goldseal
