// SPDX-License-Identifier: Apache-2.0
#include <goldseal/fleet/judging/roster_notes.hpp>

#include <goldseal/base/messages/text.hpp>
#include <goldseal/fleet/reading/node_set.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace goldseal::fleet {
namespace {

constexpr std::size_t k_shown_ranks = 1'000;

// A launcher says how many ranks it started. Where each starts goldseal, those that are silent are worth a line; a job
// may also have one rank a node verify.
void note_ranks(const Roster& roster, Fleet& fleet) {
  std::map<Id, std::pair<std::int32_t, std::set<std::int32_t>>> jobs;
  for (const auto i : roster.current) {
    const auto& r = fleet.collection.reports[i];
    if (r.job == 0 || r.rank < 0 || r.ranks <= 1) continue;
    auto& job = jobs[r.job];
    job.first = std::max(job.first, r.ranks);
    job.second.insert(r.rank);
  }
  for (const auto& [job, ranks] : jobs) {
    if (std::cmp_less_equal(ranks.first, ranks.second.size())) continue;
    std::vector<std::string> silent;
    for (std::int32_t rank = 0; rank < ranks.first && silent.size() < k_shown_ranks; ++rank)
      if (!ranks.second.contains(rank)) silent.push_back(std::to_string(rank));
    fleet.notes.push_back(fmt::format("{} of the {} ranks of {} reported; silent: {}{}", ranks.second.size(),
                                      ranks.first, escape_unprintable(fleet.text(job)), fold_nodes(silent),
                                      silent.size() == k_shown_ranks ? " …" : ""));
  }
}

void note_shared_gpus(const Roster& roster, Fleet& fleet) {
  std::unordered_map<Id, Id> owners;
  std::set<Id> told;
  for (const auto i : roster.current) {
    for (const auto& unit : fleet.collection.reports[i].units) {
      if (unit.gpu == 0) continue;
      const auto [owner, added] = owners.try_emplace(unit.gpu, fleet.collection.reports[i].node);
      if (added || owner->second == fleet.collection.reports[i].node || !told.insert(unit.gpu).second) continue;
      fleet.notes.push_back(fmt::format("{} and {} report the same GPU, {}: two names of one machine?",
                                        fleet.text(owner->second), fleet.text(fleet.collection.reports[i].node),
                                        escape_unprintable(fleet.text(unit.gpu))));
    }
  }
}

}  // namespace

void add_roster_notes(const Roster& roster, Fleet& fleet) {
  note_ranks(roster, fleet);
  note_shared_gpus(roster, fleet);
}

}  // namespace goldseal::fleet
