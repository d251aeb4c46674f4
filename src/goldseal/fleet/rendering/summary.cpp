// SPDX-License-Identifier: Apache-2.0
#include <goldseal/fleet/rendering/summary.hpp>

#include <goldseal/base/messages/text.hpp>
#include <goldseal/fleet/reading/node_set.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

namespace goldseal::fleet {
namespace {

std::string fact_of(std::string_view lines, std::string_view name) {
  for (const auto line : split(lines, '\n')) {
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == '=')
      return std::string(line.substr(name.size() + 1));
  }
  return {};
}

}  // namespace

std::string plural(std::size_t count, std::string_view word) {
  return fmt::format("{} {}{}", format_count(count), word, count == 1 ? "" : "s");
}

std::string counted(const Fleet& fleet) {
  auto text = plural(fleet.nodes.size(), "node");
  std::string parts;
  const auto add = [&](std::size_t n, std::string_view what) {
    if (n > 0) parts += fmt::format("{}{} {}", parts.empty() ? "" : ", ", format_count(n), what);
  };
  const auto conform = conforming(fleet);
  add(conform, conform == 1 ? "conforms" : "conform");
  for (const auto& trouble : k_troubles) {
    if (trouble.code == ExitCode::conforms) continue;
    const auto n = count(fleet, trouble.kind);
    add(n, trouble.kind == Trouble::fails && n != 1 ? "fail" : trouble.name);
  }
  return parts.empty() ? text : text + ": " + parts;
}

std::string subjects(const Fleet& fleet) {
  constexpr std::size_t k_shown = 3;
  std::string text;
  for (std::size_t i = 0; i < std::min(k_shown, fleet.seals.size()); ++i)
    text += (text.empty() ? "" : ", ") + escape_unprintable(fleet.seals[i].subject);
  if (fleet.seals.size() > k_shown) text += fmt::format(" and {} more", fleet.seals.size() - k_shown);
  return text;
}

std::vector<ActionRow> action_rows(const Fleet& fleet) {
  std::map<Action, ActionRow, std::greater<>> rows;
  std::map<Action, std::set<std::string_view>> reasons;
  for (const auto& node : fleet.nodes) {
    if (node.action == Action::none) continue;
    auto& row = rows[node.action];
    row.action = node.action;
    row.nodes.push_back(&node);
    for (const auto& problem : node.problems)
      if (problem.action == node.action) reasons[node.action].insert(traits(problem.trouble).name);
  }
  std::vector<ActionRow> result;
  for (auto& [action, row] : rows) {
    std::vector<std::string> names;
    for (const auto* const node : row.nodes) names.push_back(node->name);
    row.hosts = fold_nodes(names);
    for (const auto reason : reasons[action]) row.reason.append(row.reason.empty() ? "" : ", ").append(reason);
    result.push_back(std::move(row));
  }
  return result;
}

std::string drain_command(const ActionRow& row) {
  if (row.action != Action::isolate && row.action != Action::reset) return {};
  return fmt::format("scontrol update nodename={} state=drain reason=\"goldseal: {}\"", row.hosts, row.reason);
}

std::vector<ProblemGroup> problem_groups(const Fleet& fleet) {
  using Key = std::tuple<Trouble, std::string_view, std::string_view>;
  std::map<Key, ProblemGroup> groups;
  for (const auto& node : fleet.nodes) {
    for (const auto& problem : node.problems) {
      auto& group = groups[{problem.trouble, problem.subject, problem.message}];
      if (group.problem == nullptr) group.problem = &problem;
      group.nodes.push_back(node.name);
      group.parts.push_back(problem.part);
    }
  }
  std::vector<ProblemGroup> result;
  for (auto& [key, group] : groups) {
    group.hosts = fold_nodes(group.nodes);
    result.push_back(std::move(group));
  }
  std::ranges::stable_sort(result, {}, [](const ProblemGroup& g) { return g.problem->trouble; });
  return result;
}

std::string who(const ProblemGroup& group) {
  const std::set<std::string> names(group.nodes.begin(), group.nodes.end());
  if (names.size() > 1) return group.hosts;
  std::string parts;
  for (const auto& part : group.parts)
    if (!part.empty()) parts += (parts.empty() ? "" : ", ") + part;
  return parts.empty() ? group.hosts : group.hosts + " " + parts;
}

std::string described(const Fleet& fleet, const Cohort& cohort) {
  const auto kind = fleet.text(cohort.kind);
  auto text = plural(cohort.members.size(), "device");
  const auto add = [&](std::string_view before, const std::string& value) {
    if (!value.empty()) text += fmt::format(", {}{}", before, value);
  };
  if (cohort.gpu) {
    add("", fact_of(kind, "gpu.name"));
    add("driver ", fact_of(kind, "driver.version"));
  } else {
    add("", fact_of(kind, "cpu.model"));
    add("", fact_of(kind, "cpu.aten_capability"));
  }
  add("torch ", fact_of(kind, "torch.version"));
  add("cuDNN ", fact_of(kind, "library.libcudnn.version"));
  add("", std::string(fleet.text(cohort.runtime)));
  if (!cohort.gpu) add("threads ", fact_of(fleet.text(cohort.configuration), "numerics.threads"));
  add("", fact_of(fleet.text(cohort.configuration), "--set"));
  return text;
}

std::string outcome(const Cohort& cohort) {
  std::string text;
  if (cohort.undecided) {
    text = "they differ, no majority";
  } else if (cohort.members.size() == 1 && !cohort.has_seal && cohort.baseline == 0) {
    text = "no peer";
  } else {
    const auto equal = cohort.members.size() - std::min(cohort.members.size(), cohort.differing);
    text = fmt::format("{} bit-equal", format_count(equal));
    if (cohort.differing > 0) text += fmt::format(", {} odd", format_count(cohort.differing));
  }
  if (cohort.has_seal) text += ", with the sealing machine";
  if (cohort.baseline > 0) text += ", with the baseline";
  if (cohort.varying > 0) text += fmt::format("; {} not compared (differs from run to run)", plural(cohort.varying, "case"));
  return text;
}

}  // namespace goldseal::fleet
