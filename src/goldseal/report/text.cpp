// SPDX-License-Identifier: Apache-2.0
// The layout of rustc's diagnostics: verdict, cause and fix first, then what lies behind them.
#include <goldseal/report/shared/formats.hpp>

#include <goldseal/base/messages/text.hpp>
#include <goldseal/report/shared/layout.hpp>
#include <goldseal/report/shared/several.hpp>
#include <goldseal/report/shared/severity_order.hpp>

#include <fmt/color.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <span>

namespace goldseal {
namespace {

constexpr std::size_t k_label_width = 10;  // `expected`, `measured` and two spaces
constexpr std::size_t k_rows_shown = 10;
constexpr std::size_t k_narrowest = 40;
constexpr std::size_t k_most_rows = 1'000'000;

fmt::text_style style_of(Gravity severity_order) {
  switch (severity_order) {
    case Gravity::damaged:
    case Gravity::failed:
      return fg(fmt::terminal_color::red) | fmt::emphasis::bold;
    case Gravity::undecided:
    case Gravity::unjudged:
      return fg(fmt::terminal_color::magenta) | fmt::emphasis::bold;
    case Gravity::warned:
      return fg(fmt::terminal_color::yellow) | fmt::emphasis::bold;
    case Gravity::passed:
      return fg(fmt::terminal_color::green) | fmt::emphasis::bold;
    case Gravity::skipped:
      break;
  }
  return fmt::emphasis::faint;
}

std::string_view label_of(Gravity severity_order) {
  switch (severity_order) {
    case Gravity::damaged:
    case Gravity::failed:
      return "error";
    case Gravity::undecided:
    case Gravity::unjudged:
      return "unknown";
    case Gravity::warned:
      return "warning";
    case Gravity::passed:
      return "pass";
    case Gravity::skipped:
      break;
  }
  return "skipped";
}

Gravity gravity_of(ExitCode code) {
  if (code == ExitCode::conforms) return Gravity::passed;
  return code == ExitCode::inconclusive ? Gravity::undecided : Gravity::failed;
}

// Text that grows line by line, in the width and with the means that the terminal has.
class Page {
 public:
  explicit Page(const RenderOptions& options)
      : m_options(options), m_width(std::max<std::size_t>(options.width, k_narrowest)) {}

  [[nodiscard]] std::string styled(std::string_view text, const fmt::text_style& style) const {
    return m_options.color && !text.empty() ? fmt::format(style, "{}", text) : std::string(text);
  }
  [[nodiscard]] std::string safe(std::string_view text) const { return printable(text, m_options.unicode); }

  [[nodiscard]] std::string safe_lines(std::string_view text) const { return printable_lines(text, m_options.unicode); }

  void line(std::string_view text = {}) { m_text.append(text).append("\n"); }

  // `label     text`, later lines below the text.
  void field(std::string_view label, std::string_view text, std::size_t label_width = k_label_width) {
    if (text.empty()) return;
    const auto lines = wrap(safe_lines(text), m_width - 2 - label_width);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const auto name = pad(i == 0 ? label : std::string_view{}, label_width);
      line(fmt::format("  {}{}", styled(name, fg(fmt::terminal_color::cyan)), lines[i]));
    }
  }

  // `label: message`, the label in its own style.
  void labelled(std::string_view label, const fmt::text_style& label_style, std::string_view message,
                const fmt::text_style& style = {}) {
    const auto lines = wrap(fmt::format("{}: {}", label, safe_lines(message)), m_width);
    const std::string_view first = lines.front();
    const bool whole = first.starts_with(label);  // an id with a space in it may be broken
    const auto split_at = whole ? label.size() : 0;
    line(fmt::format("{}{}", styled(first.substr(0, split_at), label_style), styled(first.substr(split_at), style)));
    for (std::size_t i = 1; i < lines.size(); ++i) line(styled(lines[i], style));
  }

  void table(const Table& table, std::string_view indent = "  ") {
    const auto rows = m_options.verbose ? k_most_rows : k_rows_shown;
    line(fmt::format("{}{}", indent, styled(safe(titled(table, rows)), fmt::emphasis::bold)));
    for (const auto& row : lay_out(table, m_width - indent.size() - 2, rows, m_options.unicode))
      line(fmt::format("{}  {}", indent, row));
  }

  [[nodiscard]] std::string take() { return std::move(m_text); }

 private:
  const RenderOptions& m_options;
  std::size_t m_width;
  std::string m_text;
};

void write_head(Page& page, const Report& report) {
  const auto code = verdict(report);
  std::string line = page.styled(page.safe(verdict_line(report)), style_of(gravity_of(code)));
  line += fmt::format("  {}", page.safe(report.subject));
  if (!report.target.empty()) line += fmt::format(" on {}", page.safe(report.target));
  line += fmt::format(": {}", counted(report));
  if (!report.stages.empty()) line += fmt::format("  {:.2f} s", total_seconds(report));
  page.line(line);
}

struct Widths {
  std::size_t name = 0;
  std::size_t value = 0;
};

Widths widths_of(const Page& page, const std::vector<const Measurement*>& measurements) {
  Widths widths;
  for (const auto* measurement : measurements) {
    widths.name = std::max(widths.name, display_width(page.safe(measurement->name)));
    widths.value = std::max(widths.value, shown_number(measurement->value).size());
  }
  return widths;
}

void write_measurements(Page& page, const Finding& finding, std::string_view indent = "  ") {
  const auto measurements = relevant_measurements(finding);
  const auto widths = widths_of(page, measurements);
  std::string_view label = "measured";
  for (const auto* measurement : measurements) {
    auto text = fmt::format("{}  {}", pad(page.safe(measurement->name), widths.name),
                            pad(shown_number(measurement->value), widths.value, true));
    if (!measurement->unit.empty()) text += fmt::format(" {}", page.safe(measurement->unit));
    if (measurement->limit) text += fmt::format("  limit {}", shown_number(*measurement->limit));
    page.line(
        fmt::format("{}{}{}", indent, page.styled(pad(label, k_label_width), fg(fmt::terminal_color::cyan)), text));
    label = {};
  }
}

void write_finding(Page& page, const Finding& finding) {
  const auto rank = severity_order(finding);
  page.line();
  const auto on = finding.target.empty() ? "" : " on " + page.safe(finding.target);
  page.labelled(fmt::format("{}[{}]{}", label_of(rank), page.safe(finding.id), on), style_of(rank), finding.message,
                fmt::emphasis::bold);
  page.field("expected", finding.expected);
  page.field("found", finding.actual);
  page.field("where", finding.origin);
  page.field("fix", finding.remedy);
  write_measurements(page, finding);
  for (const auto& table : finding.tables) page.table(table);
}

// What was not judged and need not be: a line each.
void write_unjudged(Page& page, const std::vector<const Finding*>& sorted) {
  bool first = true;
  for (const auto* finding : sorted) {
    if (severity_order(*finding) != Gravity::unjudged) continue;
    if (first) page.line();
    first = false;
    const auto on = finding->target.empty() ? "" : " on " + page.safe(finding->target);
    page.labelled(fmt::format("unknown[{}]{}", page.safe(finding->id), on), style_of(Gravity::unjudged),
                  finding->expected.empty() ? finding->message
                                            : fmt::format("{} (expected {})", finding->message, finding->expected));
  }
}

// `environment 6, keys 3`: passes by the part of the id before the first dot.
std::string groups_of(const Report& report, Status status) {
  std::map<std::string_view, std::size_t> sizes;
  std::vector<std::string_view> order;
  for (const auto& finding : report.findings) {
    if (finding.status != status) continue;
    const auto group = std::string_view(finding.id).substr(0, finding.id.find('.'));
    if (sizes[group]++ == 0) order.push_back(group);
  }
  std::string text;
  for (const auto group : order) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", group, sizes[group]);
  return text;
}

void write_passes(Page& page, const Report& report, const std::vector<const Finding*>& sorted, bool verbose) {
  std::size_t label_width = k_label_width;
  for (const auto& [name, value] : report.facts)
    label_width = std::max(label_width, display_width(page.safe(name)) + 2);
  page.line();
  for (const auto& [name, value] : report.facts) page.field(page.safe(name), value, label_width);
  page.field("judged", judged_sentence(report), label_width);
  if (!verbose) {
    page.field("passed", groups_of(report, Status::pass), label_width);
    page.field("skipped", groups_of(report, Status::skipped), label_width);
    return;
  }
  for (const auto* finding : sorted) {
    const auto rank = severity_order(*finding);
    if (rank < Gravity::passed) continue;
    const auto seconds = finding->seconds >= 0.001 ? fmt::format("  ({:.3f} s)", finding->seconds) : std::string{};
    page.line(fmt::format("  {} {}: {}{}", page.styled(pad(label_of(rank), 7), style_of(rank)), page.safe(finding->id),
                          page.safe(finding->message), seconds));
    write_measurements(page, *finding, "          ");
    for (const auto& table : finding->tables) page.table(table, "          ");
  }
}

void write_stages(Page& page, const Report& report) {
  if (report.stages.empty()) return;
  page.line();
  std::size_t width = 0;
  for (const auto& stage : report.stages) width = std::max(width, display_width(page.safe(stage.name)));
  for (const auto& stage : report.stages)
    page.line(fmt::format("  {}  {:8.3f} s", pad(page.safe(stage.name), width), stage.seconds));
}

// The targets, what holds one back first.
void write_targets(Page& page, std::span<const Report> reports) {
  const auto labels = labels_of(reports);
  std::size_t width = 0;
  for (const auto& label : labels) width = std::max(width, display_width(page.safe(label)));
  page.line();
  for (const auto i : gravest_first(reports)) {
    const auto code = verdict(reports[i]);
    page.line(fmt::format("  {}  {}  {}", page.styled(pad(headline(code), 12), style_of(gravity_of(code))),
                          pad(page.safe(labels[i]), width), counted(reports[i])));
  }
}

}  // namespace

std::string render_text(const Report& report, const RenderOptions& options) {
  Page page(options);
  write_head(page, report);
  const auto sorted = by_gravity(report);
  for (const auto* finding : sorted) {
    const auto rank = severity_order(*finding);
    if (rank < Gravity::unjudged || (rank == Gravity::unjudged && options.verbose)) write_finding(page, *finding);
  }
  if (!options.verbose) write_unjudged(page, sorted);
  write_passes(page, report, sorted, options.verbose);
  if (options.verbose) write_stages(page, report);
  if (!report.next.empty())
    page.line(fmt::format("{} {}", page.styled("next:", fmt::emphasis::bold), page.safe(report.next)));
  return page.take();
}

std::string render_text_together(std::span<const Report> reports, const RenderOptions& options) {
  std::string text;
  if (options.verbose) {
    for (const auto& report : reports) text += render_text(report, options) + '\n';
  }
  Page page(options);
  const auto all = folded(reports);
  const auto worst = worst_verdict(reports);
  // What a PASS holds for is said of all; a failure needs no such bounds.
  const auto scope = worst == ExitCode::conforms ? scope_clause(all) : "";
  page.line(fmt::format("{}  {}: {}", page.styled(page.safe(std::string(headline(worst)) + scope), style_of(gravity_of(worst))),
                        page.safe(subject_of(reports)), counted_verdicts(reports)));
  if (!options.verbose) {
    const auto sorted = by_gravity(all);
    for (const auto* finding : sorted)
      if (severity_order(*finding) < Gravity::unjudged) write_finding(page, *finding);
    write_unjudged(page, sorted);
  }
  write_targets(page, reports);
  page.line();
  page.field("judged", judged_sentence(all));
  if (!all.next.empty())
    page.line(fmt::format("{} {}", page.styled("next:", fmt::emphasis::bold), page.safe(all.next)));
  const auto conforming =
      std::ranges::count(reports, ExitCode::conforms, [](const Report& report) { return verdict(report); });
  page.line(fmt::format("{} of {} targets conform", conforming, reports.size()));
  return text + page.take();
}

}  // namespace goldseal
