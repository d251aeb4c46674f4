// SPDX-License-Identifier: Apache-2.0
#include <goldseal/fleet/judging/configurations.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <tuple>
#include <vector>

namespace goldseal::fleet {
namespace {

// Of the machines of one kind, at most this part may be configured otherwise by mistake; more is two fleets.
constexpr std::size_t k_tenth = 10;

Id usual_answer(const Group& usual, const Question& question) {
  if (const auto most = usual.most.find(question); most != usual.most.end()) return most->second;
  const auto answers = usual.answers.find(question);
  return answers != usual.answers.end() && answers->second.votes.size() == 1 ? answers->second.votes.begin()->first : 0;
}

void compare_configuration(const Fleet& fleet, const Group& usual, Group& other, ComparisonNotes& notes) {
  for (const auto& member : other.members) {
    for (const auto& run : member.unit->runs) {
      if (run.kind == RunKind::again) continue;
      const auto most = usual_answer(usual, {run.golden, run.kind, run.inputs});
      if (most == 0 || most == run.outputs) continue;
      std::erase_if(notes.node_of(member).problems, [&](const Problem& p) { return p.trouble == Trouble::alone; });
      notes.add(member, Trouble::configuration,
                fmt::format("{} run of {} gives other bits than {} of its kind, which are configured otherwise: {}",
                            to_string(run.kind), notes.shown(run.golden), counted_peers(usual.members.size()),
                            differing_facts(fleet, usual.cohort.configuration, other.cohort.configuration)),
                "configure it as the others are, or the others as it is");
      ++other.cohort.differing;
      break;
    }
  }
}

}  // namespace

void compare_configurations(const Fleet& fleet, Groups& groups, ComparisonNotes& notes) {
  std::map<std::tuple<Id, Id, Id, bool>, std::vector<Group*>> kinds;
  for (auto& [key, group] : groups)
    kinds[{std::get<0>(key), std::get<1>(key), std::get<2>(key), std::get<4>(key)}].push_back(&group);
  for (auto& [kind, alike] : kinds) {
    if (alike.size() < 2) continue;
    const auto weight = [](const Group* g) {
      return g->members.size() + (g->cohort.has_seal ? 1 : 0) + g->cohort.baseline;
    };
    const auto* const usual = *std::ranges::max_element(alike, {}, weight);
    std::size_t members = 0;
    for (const auto* const group : alike) members += group->members.size();
    if (weight(usual) < 2) continue;
    for (auto* const group : alike) {
      const bool few = group->members.size() == 1 || group->members.size() * k_tenth <= members;
      if (group != usual && few && weight(group) < weight(usual)) compare_configuration(fleet, *usual, *group, notes);
    }
  }
}

}  // namespace goldseal::fleet
