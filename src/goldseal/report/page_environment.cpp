// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/text.hpp>
#include <goldseal/report/gravity.hpp>
#include <goldseal/report/markup.hpp>
#include <goldseal/report/page.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace goldseal {
namespace {

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
      return row.sealed == row.found ? 5 : 3;
    case Status::skipped:
      break;
  }
  return row.sealed == row.found ? 5 : 4;
}

std::string_view word(const EnvironmentRow& row) {
  if (row.status == Status::pass) return row.sealed == row.found ? "same" : "compatible";
  if (row.status == Status::skipped) return "not judged";
  return to_string(row.status);
}

std::string cell(const std::string& value, std::string_view of, std::string_view absent) {
  if (value.empty()) return fmt::format("<td data-of=\"{}\"><span class=\"none\">{}</span></td>", of, absent);
  return fmt::format("<td data-of=\"{}\" class=\"mono\">{}</td>", of, escape_markup(value));
}

void write_row(std::string& out, const EnvironmentRow& row) {
  fmt::format_to(std::back_inserter(out),
                 R"(<tr class="{}{}"><td class="mono">{}</td>{}{}<td><span class="badge">{}</span></td></tr>)"
                 "\n",
                 to_string(row.status), row.sealed == row.found ? "" : " differs", escape_markup(row.name),
                 cell(row.sealed, "sealed", "not sealed"), cell(row.found, "found", "not known"), word(row));
}

template <typename Range>
void write_rows(std::string& out, const Range& rows) {
  out += R"(<div class="wide"><table class="env full"><thead><tr><th scope="col">fact</th><th scope="col">sealed</th>)"
         R"(<th scope="col">found</th><th scope="col">judged</th></tr></thead><tbody>)";
  for (const auto* row : rows) write_row(out, *row);
  out += "</tbody></table></div>";
}

}  // namespace

void write_environment(std::string& out, const Report& report, std::string_view prefix) {
  if (report.evidence.environment.empty()) return;
  std::vector<const EnvironmentRow*> differing;
  std::vector<const EnvironmentRow*> same;
  for (const auto& row : report.evidence.environment) (rank(row) == 5 ? same : differing).push_back(&row);
  std::ranges::stable_sort(differing, {}, [](const EnvironmentRow* row) { return rank(*row); });
  fmt::format_to(std::back_inserter(out), "<section id=\"{}environment\"><h2>Environment</h2>", prefix);
  if (differing.empty()) {
    out += "<p>Everything that was sealed is the same here.</p>";
  } else {
    write_rows(out, differing);
  }
  if (!same.empty()) {
    fmt::format_to(std::back_inserter(out), "<details class=\"more\"><summary>{} the same</summary>",
                   same.size() == 1 ? "1 fact is" : format_count(same.size()) + " facts are");
    write_rows(out, same);
    out += "</details>";
  }
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
