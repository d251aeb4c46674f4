// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/messages/text.hpp>
#include <goldseal/report/page/page.hpp>
#include <goldseal/report/shared/layout.hpp>
#include <goldseal/report/shared/markup.hpp>
#include <goldseal/report/shared/severity_order.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace goldseal {
namespace {

constexpr std::size_t k_longest_value = 240;  // `torch.config` has two thousand
constexpr int k_unjudged = 4;
constexpr int k_same = 5;

// Differences that matter first, then those that are compatible, then those that nothing judged.
int rank(const EnvironmentRow& row) {
  switch (row.status) {
    case Status::fail:
      return 0;
    case Status::unknown:
      return 1;
    case Status::warn:
      return 2;
    case Status::pass:
      return row.sealed == row.found ? k_same : 3;
    case Status::skipped:
      break;
  }
  return row.sealed == row.found ? k_same : k_unjudged;
}

std::string_view word(const EnvironmentRow& row) {
  if (row.status == Status::pass) return row.sealed == row.found ? "same" : "compatible";
  if (row.status == Status::skipped) return "not judged";
  return to_string(row.status);
}

std::string cell(const std::string& value, std::string_view of, std::string_view absent) {
  if (value.empty()) return fmt::format("<td data-of=\"{}\"><span class=\"none\">{}</span></td>", of, absent);
  const auto whole = escape_markup(value);
  if (value.size() <= k_longest_value) return fmt::format("<td data-of=\"{}\" class=\"mono\">{}</td>", of, whole);
  return fmt::format(R"(<td data-of="{}" class="mono"><details><summary>{}</summary>{}</details></td>)", of,
                     escape_markup(cut(printable(value, true), k_longest_value / 3, true)), whole);
}

void write_row(std::string& out, const EnvironmentRow& row) {
  fmt::format_to(std::back_inserter(out),
                 R"(<tr class="{}{}"><td class="mono">{}</td>{}{}<td><span class="badge">{}</span></td></tr>)"
                 "\n",
                 to_string(row.status), row.sealed == row.found ? "" : " differs", escape_markup(row.name),
                 cell(row.sealed, "sealed", "not sealed"), cell(row.found, "found", "not known"), word(row));
}

void write_rows(std::string& out, const std::vector<const EnvironmentRow*>& rows) {
  out += R"(<div class="wide"><table class="env full"><thead><tr><th scope="col">fact</th><th scope="col">sealed</th>)"
         R"(<th scope="col">found</th><th scope="col">judged</th></tr></thead><tbody>)";
  for (const auto* row : rows) write_row(out, *row);
  out += "</tbody></table></div>";
}

void write_folded(std::string& out, const std::vector<const EnvironmentRow*>& rows, std::string_view one,
                  std::string_view many) {
  if (rows.empty()) return;
  fmt::format_to(std::back_inserter(out), "<details class=\"more\"><summary>{} {} {}</summary>",
                 format_count(rows.size()), rows.size() == 1 ? "fact" : "facts", rows.size() == 1 ? one : many);
  write_rows(out, rows);
  out += "</details>";
}

}  // namespace

void write_environment(std::string& out, const Report& report, std::string_view prefix) {
  if (report.evidence.environment.empty()) return;
  std::vector<const EnvironmentRow*> differing;
  std::vector<const EnvironmentRow*> unjudged;
  std::vector<const EnvironmentRow*> same;
  for (const auto& row : report.evidence.environment)
    (rank(row) == k_same ? same : rank(row) == k_unjudged ? unjudged : differing).push_back(&row);
  std::ranges::stable_sort(differing, {}, [](const EnvironmentRow* row) { return rank(*row); });
  fmt::format_to(std::back_inserter(out), "<section id=\"{}environment\"><h2>Environment</h2>", prefix);
  if (differing.empty()) {
    out += "<p>Nothing that a check judges differs from the seal.</p>";
  } else {
    write_rows(out, differing);
  }
  write_folded(out, unjudged, "differs, and no check judges it", "differ, and no check judges them");
  write_folded(out, same, "is the same", "are the same");
  out += "</section>\n";
}

void write_stages(std::string& out, const Report& report, std::string_view prefix) {
  if (report.stages.empty()) return;
  fmt::format_to(std::back_inserter(out), R"(<section id="{}stages"><h2>Time: {:.2f} s</h2><ul class="plot stages">)",
                 prefix, total_seconds(report));
  const auto longest = std::ranges::max(report.stages, {}, &Stage::seconds).seconds;
  for (const auto& stage : report.stages)
    fmt::format_to(
        std::back_inserter(out),
        R"(<li class="skipped"><span class="name">{}</span><svg height="14" aria-hidden="true">)"
        R"(<rect class="bar" y="2" height="10" rx="2" width="{:.2f}%"/></svg><span class="value">{:.3f} s</span></li>)",
        escape_markup(stage.name), longest > 0 ? 100 * stage.seconds / longest : 0, stage.seconds);
  out += "</ul></section>\n";
}

void write_pictures(std::string& out, const Report& report, std::string_view prefix) {
  const auto harmless = [](const Picture& picture) {
    constexpr std::string_view k_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    return (picture.media_type == "image/png" || picture.media_type == "image/jpeg") &&
           picture.base64.find_first_not_of(k_alphabet) == std::string::npos;
  };
  if (std::ranges::none_of(report.evidence.pictures, harmless)) return;
  fmt::format_to(std::back_inserter(out), "<section id=\"{}pictures\"><h2>Pictures</h2><div class=\"pictures\">",
                 prefix);
  for (const auto& picture : report.evidence.pictures) {
    if (!harmless(picture)) continue;
    const auto title = escape_markup(picture.title);
    fmt::format_to(std::back_inserter(out),
                   R"(<figure><img alt="{0}" src="data:{1};base64,{2}"><figcaption>{0}</figcaption></figure>)", title,
                   picture.media_type, picture.base64);
  }
  out += "</div></section>\n";
}

}  // namespace goldseal
