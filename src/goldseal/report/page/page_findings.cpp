// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/messages/text.hpp>
#include <goldseal/report/page/page.hpp>
#include <goldseal/report/shared/markup.hpp>
#include <goldseal/report/shared/severity_order.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace goldseal {
namespace {

constexpr std::size_t k_most_others = 6;

void write_fact(std::string& out, std::string_view name, std::string_view value, std::string_view style = {}) {
  if (value.empty()) return;
  fmt::format_to(std::back_inserter(out), "<dt>{}</dt><dd{}>{}</dd>", name,
                 style.empty() ? std::string{} : fmt::format(" class=\"{}\"", style), prose(value));
}

void write_facts(std::string& out, const Finding& finding) {
  if (finding.expected.empty() && finding.actual.empty() && finding.origin.empty() && finding.remedy.empty()) return;
  out += "<dl class=\"facts\">";
  write_fact(out, "Expected", finding.expected, "mono");
  write_fact(out, "Found", finding.actual, "mono");
  write_fact(out, "Where", finding.origin, "mono");
  write_fact(out, "Fix", finding.remedy, "fix");
  out += "</dl>";
}

Table measurements_of(const Finding& finding) {
  const bool units = std::ranges::any_of(finding.measurements, [](const Measurement& m) { return !m.unit.empty(); });
  Table table{"", {"measured", "value", "limit"}, {}};
  if (units) table.columns.insert(table.columns.begin() + 2, "unit");
  for (const auto& m : finding.measurements) {
    auto& row = table.rows.emplace_back(std::vector{m.name, shown_number(m.value)});
    if (units) row.push_back(m.unit);
    row.push_back(m.limit ? shown_number(*m.limit) : "");
  }
  return table;
}

// Many measurements beside a table say the same at more length.
void write_numbers(std::string& out, const Finding& finding) {
  const bool fold = finding.measurements.size() > k_few_measurements && !finding.tables.empty();
  for (const auto& table : finding.tables) write_table(out, table);
  if (fold)
    fmt::format_to(std::back_inserter(out), "<details class=\"more\"><summary>{} measurements</summary>",
                   format_count(finding.measurements.size()));
  if (!finding.measurements.empty()) write_table(out, measurements_of(finding));
  if (fold) out += "</details>";
}

void write_finding(std::string& out, const Finding& finding, std::size_t index, std::string_view prefix, bool open) {
  fmt::format_to(
      std::back_inserter(out),
      R"(<details class="finding {0}" id="{1}f{2}" data-status="{0}"{3}><summary><span class="badge">{0}</span>)"
      R"(<span><span class="mono">{4}</span><span class="say">{5}</span></span></summary><div class="body">)",
      to_string(finding.status), prefix, index, open ? " open" : "", escape_markup(finding.id), prose(finding.message));
  write_facts(out, finding);
  write_numbers(out, finding);
  if (finding.seconds >= 0.001)
    fmt::format_to(std::back_inserter(out), "<p class=\"soft\">took {:.3f} s</p>", finding.seconds);
  out += "</div></details>\n";
}

void write_tools(std::string& out, const Report& report) {
  out += R"(<div class="tools"><input type="search" placeholder="Search: press /" aria-label="Search the findings">)";
  for (const auto status : {Status::fail, Status::unknown, Status::warn, Status::pass, Status::skipped}) {
    const auto n = count(report, status);
    if (n > 0)
      fmt::format_to(std::back_inserter(out),
                     R"(<label class="{0}"><input type="checkbox" value="{0}" checked> {0} {1}</label>)",
                     to_string(status), format_count(n));
  }
  out +=
      R"(<span><button type="button" value="open">open all</button> <button type="button" value="close">close all</button></span>)"
      R"(<span class="soft" role="status"></span></div>)";
}

// What passed or was skipped; page.js folds it, so that without script all of it can be read.
void begin_group(std::string& out, const Report& report, Status status) {
  fmt::format_to(std::back_inserter(out), "<details class=\"group\" open><summary>{} {}</summary>\n",
                 format_count(count(report, status)), status == Status::pass ? "passed" : "skipped");
}

std::size_t index_in(const Report& report, const Finding& finding) {
  return static_cast<std::size_t>(&finding - report.findings.data());
}

// Links to the other findings that hold the verdict back.
void write_others(std::string& out, const Report& report, const Finding& first, std::string_view prefix) {
  std::vector<const Finding*> others;
  for (const auto* finding : by_gravity(report)) {
    if (severity_order(*finding) > Gravity::undecided) break;
    if (finding != &first) others.push_back(finding);
  }
  if (others.empty()) return;
  out += "<p>Also: ";
  for (std::size_t i = 0; i < std::min(others.size(), k_most_others); ++i)
    fmt::format_to(std::back_inserter(out), R"({}<a href="#{}f{}">{}</a>)", i == 0 ? "" : ", ", prefix,
                   index_in(report, *others[i]), escape_markup(others[i]->id));
  if (others.size() > k_most_others)
    fmt::format_to(std::back_inserter(out), " and {} more", format_count(others.size() - k_most_others));
  out += "</p>";
}

std::string_view title_of(Gravity severity_order) {
  switch (severity_order) {
    case Gravity::damaged:
      return "What is damaged";
    case Gravity::failed:
      return "Why it fails";
    case Gravity::undecided:
      return "Why there is no verdict";
    case Gravity::warned:
    case Gravity::unjudged:
    case Gravity::passed:
    case Gravity::skipped:
      break;
  }
  return "Worth knowing";
}

bool looks_numeric(const Table& table, std::size_t column) {
  const auto number = [&](const std::vector<std::string>& row) {
    return column < row.size() && row[column].find_first_not_of("0123456789.,+-e%") == std::string::npos;
  };
  return std::ranges::all_of(table.rows, number);
}

}  // namespace

void write_table(std::string& out, const Table& table) {
  std::vector<std::string_view> styles;
  for (std::size_t i = 0; i < table.columns.size(); ++i)
    styles.push_back(looks_numeric(table, i) ? " class=\"num\"" : "");
  out += "<div class=\"wide\"><table class=\"rows\">";
  if (!table.title.empty())
    fmt::format_to(std::back_inserter(out), "<caption>{}</caption>", escape_markup(titled(table, table.rows.size())));
  out += "<thead><tr>";
  for (std::size_t i = 0; i < table.columns.size(); ++i)
    fmt::format_to(std::back_inserter(out), "<th scope=\"col\"{}>{}</th>", styles[i], escape_markup(table.columns[i]));
  out += "</tr></thead><tbody>";
  for (const auto& row : table.rows) {
    out += "<tr>";
    for (std::size_t i = 0; i < std::min(row.size(), styles.size()); ++i)
      fmt::format_to(std::back_inserter(out), "<td{} data-of=\"{}\">{}</td>", styles[i], escape_markup(table.columns[i]),
                     escape_markup(row[i]));
    out += "</tr>";
  }
  out += "</tbody></table></div>\n";
}

void write_short_cause(std::string& out, const Report& report, std::string_view prefix, std::string_view targets) {
  const auto* const shown = cause(report);
  if (shown == nullptr) return;
  fmt::format_to(std::back_inserter(out),
                 R"(<section class="cause {}"><h2>{}: {}</h2><p class="say">{} <a class="mono" href="#{}f{}">{}</a></p>)",
                 color_of(*shown), title_of(severity_order(*shown)), targets, prose(shown->message), prefix,
                 index_in(report, *shown), escape_markup(shown->id));
  write_facts(out, *shown);
  write_others(out, report, *shown, prefix);
  out += "</section>\n";
}

void write_cause(std::string& out, const Report& report, std::string_view prefix) {
  const auto* const shown = cause(report);
  if (shown == nullptr) return;
  fmt::format_to(std::back_inserter(out),
                 R"(<section class="cause {}"><h2>{}</h2><p class="say">{} <a class="mono" href="#{}f{}">{}</a></p>)",
                 color_of(*shown), title_of(severity_order(*shown)), prose(shown->message), prefix,
                 index_in(report, *shown), escape_markup(shown->id));
  write_facts(out, *shown);
  write_numbers(out, *shown);
  write_others(out, report, *shown, prefix);
  if (!report.next.empty())
    fmt::format_to(std::back_inserter(out), "<p>Next: <code>{}</code></p>", escape_markup(report.next));
  out += "</section>\n";
}

void write_findings(std::string& out, const Report& report, std::string_view prefix) {
  if (report.findings.empty()) return;
  fmt::format_to(std::back_inserter(out), "<section class=\"findings\" id=\"{}findings\"><h2>Findings</h2>", prefix);
  write_tools(out, report);
  // The cause stands in full above.
  const auto* const above = cause(report);
  auto group = Gravity::damaged;
  for (const auto* finding : by_gravity(report)) {
    const auto grave = severity_order(*finding);
    if (grave != group && grave >= Gravity::passed) {
      if (group >= Gravity::passed) out += "</details>\n";
      begin_group(out, report, finding->status);
    }
    group = grave;
    write_finding(out, *finding, index_in(report, *finding), prefix, finding != above && grave <= Gravity::undecided);
  }
  if (group >= Gravity::passed) out += "</details>\n";
  out += "</section>\n";
}

}  // namespace goldseal
