// SPDX-License-Identifier: Apache-2.0
// GitHub-flavoured Markdown: for a step's summary, a ticket, a chat.
#include <goldseal/base/messages/text.hpp>
#include <goldseal/fleet/reading/node_set.hpp>
#include <goldseal/fleet/rendering/renderer.hpp>
#include <goldseal/fleet/rendering/summary.hpp>
#include <goldseal/report/shared/layout.hpp>
#include <goldseal/verdict/report.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace goldseal::fleet {
namespace {

constexpr std::size_t k_most_rows = 50;
constexpr std::size_t k_longest_cell = 400;

// Text that shows as it is written, on one line.
std::string literal(std::string_view text) {
  std::string result;
  for (const char c : cut(escape_unprintable(text), k_longest_cell, true)) {
    if (std::string_view("\\`*_[]<>&|~#@$").find(c) != std::string_view::npos) result += '\\';
    result += c;
  }
  return result;
}

void row(std::string& out, std::initializer_list<std::string> cells) {
  out += "|";
  for (const auto& cell : cells) out += " " + cell + " |";
  out += "\n";
}

void more(std::string& out, std::size_t all) {
  if (all > k_most_rows) out += fmt::format("\n… and {} more\n", all - k_most_rows);
}

}  // namespace

std::string render_fleet_markdown(const Fleet& fleet, const RenderOptions& /*options*/) {
  auto out = fmt::format("## {} {}\n\n{}\n", headline(fleet.code), literal(subjects(fleet)), literal(counted(fleet)));
  for (const auto& note : fleet.notes) out += fmt::format("\n> {}\n", literal(note));
  if (const auto rows = action_rows(fleet); !rows.empty()) {
    out += "\n| action | nodes | reason |\n|---|---|---|\n";
    for (const auto& one : rows) row(out, {std::string(row_of(k_actions, one.action).name), literal(one.hosts), literal(one.reason)});
    for (const auto& one : rows)
      if (const auto command = drain_command(one); !command.empty()) out += fmt::format("\n```\n{}\n```\n", command);
  }
  if (!fleet.rare.empty()) {
    out += "\n### Rare facts\n\n| nodes | fact | value | usual | where |\n|--:|---|---|---|---|\n";
    for (std::size_t i = 0; i < std::min(k_most_rows, fleet.rare.size()); ++i) {
      const auto& f = fleet.rare[i];
      row(out, {fmt::format("{} of {}", f.count, f.of), literal(f.name), literal(f.value), literal(f.usual), literal(fold_nodes(f.nodes))});
    }
    more(out, fleet.rare.size());
  }
  if (const auto groups = problem_groups(fleet); !groups.empty()) {
    out += "\n### Nodes\n\n| what | node | why | fix |\n|---|---|---|---|\n";
    for (std::size_t i = 0; i < std::min(k_most_rows, groups.size()); ++i) {
      const auto& p = *groups[i].problem;
      row(out, {std::string(traits(p.trouble).name), literal(who(groups[i])), literal(p.message), literal(p.remedy)});
    }
    more(out, groups.size());
  }
  if (!fleet.cohorts.empty()) {
    out += "\n### Cohorts\n\n| | machines | bits |\n|---|---|---|\n";
    for (std::size_t i = 0; i < std::min(k_most_rows, fleet.cohorts.size()); ++i)
      row(out, {fleet.cohorts[i].label, literal(described(fleet, fleet.cohorts[i])), literal(outcome(fleet.cohorts[i]))});
    more(out, fleet.cohorts.size());
  }
  return out;
}

}  // namespace goldseal::fleet
