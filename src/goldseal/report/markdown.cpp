// SPDX-License-Identifier: Apache-2.0
// GitHub-flavoured Markdown: for a step's summary, a comment on a change, a release's notes.
#include <goldseal/report/shared/formats.hpp>

#include <goldseal/base/messages/text.hpp>
#include <goldseal/report/shared/several.hpp>
#include <goldseal/report/shared/severity_order.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace goldseal {
namespace {

constexpr std::size_t k_most_rows = 50;
constexpr std::size_t k_most_sections = 50;  // GitHub refuses a summary of more than a MiB

// Text that shows as it is written, on one line.
std::string literal(std::string_view text) {
  std::string result;
  for (const char c : escape_unprintable(text)) {
    if (std::string_view("\\`*_[]<>&|~#@$").find(c) != std::string_view::npos) result += '\\';
    result += c;
  }
  return result;
}

// A code span; within a table a pipe is escaped even there.
std::string code(std::string_view text, bool in_table = false) {
  if (text.empty()) return {};
  const auto safe = escape_unprintable(text);
  std::size_t longest = 0;
  std::size_t run = 0;
  std::string content;
  for (const char c : safe) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
    if (c == '|' && in_table) content += '\\';
    content += c;
  }
  const std::string fence(longest + 1, '`');
  // A space that the syntax takes away again keeps a backtick or a space at the edge.
  const std::string_view edge = safe.front() == '`' || safe.back() == '`' || safe.front() == ' ' ? " " : "";
  return fmt::format("{0}{1}{2}{1}{0}", fence, edge, content);
}

class Document {
 public:
  template <typename... Arguments>
  void line(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    fmt::format_to(std::back_inserter(m_text), format, std::forward<Arguments>(arguments)...);
    m_text += '\n';
  }
  void row(const std::vector<std::string>& cells) {
    for (const auto& cell : cells) m_text.append("| ").append(cell).append(" ");
    m_text += "|\n";
  }
  void head(const std::vector<std::string>& cells) {
    line("");
    row(cells);
    row(std::vector<std::string>(cells.size(), "---"));
  }
  [[nodiscard]] std::string take() { return std::move(m_text); }

 private:
  std::string m_text;
};

void write_table(Document& document, const Table& table) {
  if (table.columns.empty()) return;
  const auto shown = std::min(table.rows.size(), k_most_rows);
  document.line("\n**{}**", literal(titled(table, shown)));
  std::vector<std::string> cells;
  for (const auto& column : table.columns) cells.push_back(literal(column));
  document.head(cells);
  for (std::size_t i = 0; i < shown; ++i) {
    cells.clear();
    for (const auto& cell : table.rows[i]) cells.push_back(code(cell, true));
    document.row(cells);
  }
  if (shown < row_count(table)) document.line("\n{} more rows", format_count(row_count(table) - shown));
}

void write_measurements(Document& document, const Finding& finding) {
  const auto measurements = relevant_measurements(finding);
  if (measurements.empty()) return;
  document.head({"measured", "value", "limit"});
  for (const auto* m : measurements)
    document.row({literal(m->name), literal(shown_value(*m)), m->limit ? shown_number(*m->limit) : ""});
}

std::string_view label_of(const Finding& finding) {
  const auto rank = severity_order(finding);
  if (rank <= Gravity::failed) return "error";
  return rank == Gravity::warned ? "warning" : "unknown";
}

void write_finding(Document& document, const Finding& finding) {
  document.line("\n### {} {}: {}\n", label_of(finding), code(finding.id), literal(finding.message));
  const auto item = [&](std::string_view label, const std::string& text) {
    if (!text.empty()) document.line("- **{}** {}", label, text);
  };
  item("expected", code(finding.expected));
  item("found", code(finding.actual));
  item("where", code(finding.origin));
  item("fix", literal(finding.remedy));
  write_measurements(document, finding);
  for (const auto& table : finding.tables) write_table(document, table);
}

void write_rest(Document& document, const Report& report) {
  const auto settled = [](const Finding& f) { return severity_order(f) >= Gravity::passed; };
  if (std::ranges::none_of(report.findings, settled)) return;
  document.line("\n<details><summary>{} passed, {} skipped</summary>", count(report, Status::pass),
                count(report, Status::skipped));
  document.head({"check", "status", "message"});
  for (const auto* finding : by_gravity(report))
    if (settled(*finding))
      document.row({code(finding->id, true), std::string(to_string(finding->status)), literal(finding->message)});
  document.line("\n</details>");
}

void write_facts(Document& document, const Report& report) {
  document.head({"", ""});
  const auto fact = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) document.row({literal(name), code(value, true)});
  };
  fact("subject", report.subject);
  fact("target", report.target);
  fact("policy", report.policy);
  for (const auto& [name, value] : report.facts) fact(name, value);
  fact("judged", judged_sentence(report));
  fact("started", report.started);
  fact("goldseal", report.version);
}

}  // namespace

std::string render_markdown(const Report& report, const RenderOptions& /*options*/) {
  Document document;
  document.line("## {}: {} {}{}\n", literal(verdict_line(report)), literal(report.verb), code(report.subject),
                report.target.empty() ? "" : " on " + code(report.target));
  document.line("{}", counted(report));
  std::size_t sections = 0;
  std::size_t left = 0;
  for (const auto* finding : by_gravity(report)) {
    if (severity_order(*finding) >= Gravity::passed) break;
    if (sections < k_most_sections) {
      write_finding(document, *finding);
      ++sections;
    } else {
      ++left;
    }
  }
  if (left > 0) document.line("\n{} more findings are in the JSON report.", format_count(left));
  write_facts(document, report);
  write_rest(document, report);
  if (!report.next.empty()) document.line("\nnext: {}", code(report.next));
  return document.take();
}

std::string render_markdown_together(std::span<const Report> reports, const RenderOptions& options) {
  Document document;
  document.line("# {}: {}\n", headline(worst_verdict(reports)), literal(subject_of(reports)));
  document.line("{}", counted_verdicts(reports));
  document.head({"target", "verdict", "checks"});
  const auto labels = labels_of(reports);
  const auto order = gravest_first(reports);
  for (const auto i : order)
    document.row({code(labels[i], true), std::string(headline(verdict(reports[i]))), literal(counted(reports[i]))});
  auto text = document.take();
  for (const auto i : order) text += "\n" + render_markdown(reports[i], options);
  return text;
}

}  // namespace goldseal
