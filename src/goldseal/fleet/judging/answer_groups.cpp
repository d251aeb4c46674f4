// SPDX-License-Identifier: Apache-2.0
#include <goldseal/fleet/judging/answer_groups.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace goldseal::fleet {
namespace {

// `libtorch 2.13.0 (/path)` and another path of the same are one; what follows the version is a place.
std::string runtime_kind(std::string_view runtime) { return std::string(runtime.substr(0, runtime.find(' '))); }

class Grouping {
 public:
  Grouping(const MergeRequest& request, Fleet& fleet, const Roster& roster, const std::vector<NodeReport>& baseline,
           Characters& characters)
      : m_request(request), m_fleet(fleet), m_roster(roster), m_baseline(baseline), m_characters(characters) {}

  Groups take() {
    gather();
    count_seals();
    count_baseline();
    return std::move(m_groups);
  }

 private:
  [[nodiscard]] const NodeReport& report(std::uint32_t i) const { return m_fleet.collection.reports[i]; }

  [[nodiscard]] bool computes_the_same(const NodeReport& r) const {
    return std::ranges::none_of(r.notes, [&](const Note& note) {
      const auto check = m_fleet.text(note.check);
      const auto of_model = [&](std::string_view family) { return check.starts_with(family); };
      return note.status == Status::fail && (of_model("file.") || of_model("seal.") || of_model("keys.") ||
                                             of_model("tensors.") || of_model("model."));
    });
  }

  GroupKey key_of_unit(const NodeReport& r, const Unit& unit) {
    const auto character = m_characters.of(r, unit);
    const auto runtime = m_fleet.names.add(runtime_kind(m_fleet.text(r.runtime)));
    return {r.seal, character.kind, runtime, character.configuration, m_fleet.text(unit.device).starts_with("cuda")};
  }

  void gather() {
    for (const auto i : m_roster.current) {
      const auto& r = report(i);
      if (!computes_the_same(r)) continue;
      const auto& node = m_fleet.nodes[m_roster.places.at(std::string(m_fleet.text(r.node)))];
      for (std::uint32_t u = 0; u < r.units.size(); ++u) {
        const auto key = key_of_unit(r, r.units[u]);
        auto& group = m_groups[key];
        if (group.members.empty()) describe(group.cohort, key, r);
        group.members.push_back({{i, u}, &r.units[u], !m_request.expected || node.expected});
      }
    }
    for (auto& [key, group] : m_groups)
      for (std::size_t m = 0; m < group.members.size(); ++m) note_answers(group, m);
  }

  void describe(Cohort& cohort, const GroupKey& key, const NodeReport& r) const {
    cohort.subject = std::string(m_fleet.text(r.subject));
    std::tie(cohort.seal, cohort.kind, cohort.runtime, cohort.configuration, cohort.gpu) = key;
  }

  void note_answers(Group& group, std::size_t m) {
    const auto& member = group.members[m];
    for (const auto& run : member.unit->runs) {
      if (run.kind == RunKind::again) continue;
      auto& answers = group.answers[{run.golden, run.kind, run.inputs}];
      answers.members[run.outputs].push_back(m);
      if (member.votes) ++answers.votes[run.outputs];
    }
  }

  // The machine that sealed has answered too: where it is of this kind, its answers count as one machine's.
  void count_seals() {
    for (auto& [key, group] : m_groups) {
      std::map<std::tuple<Question, Id, Id>, std::size_t> told;  // question, sealed answer, sealed facts
      for (const auto& member : group.members) {
        if (!member.votes) continue;
        for (const auto& run : member.unit->runs)
          if (run.sealed != 0 && run.kind == RunKind::native)
            ++told[{{run.golden, run.kind, run.inputs}, run.sealed, report(member.at.report).sealed_facts}];
      }
      std::map<Question, std::pair<std::size_t, std::pair<Id, Id>>> most;
      for (const auto& [what, count] : told) {
        auto& best = most[std::get<0>(what)];
        if (count > best.first) best = {count, {std::get<1>(what), std::get<2>(what)}};
      }
      for (const auto& [question, best] : most) {
        const auto sealed = m_characters.of(best.second.second, group.cohort.gpu, 0, 0);
        if (sealed.kind != group.cohort.kind || sealed.configuration != group.cohort.configuration) continue;
        group.cohort.has_seal = true;
        auto& answers = group.answers[question];
        ++answers.votes[best.second.first];
        answers.told_by_others.insert(best.second.first);
      }
    }
  }

  void count_baseline() {
    for (const auto& r : m_baseline) {
      for (const auto& unit : r.units) {
        const auto group = m_groups.find(key_of_unit(r, unit));
        if (group == m_groups.end()) continue;
        ++group->second.cohort.baseline;
        for (const auto& run : unit.runs) {
          if (run.kind == RunKind::again) continue;
          auto& answers = group->second.answers[{run.golden, run.kind, run.inputs}];
          ++answers.votes[run.outputs];
          answers.told_by_others.insert(run.outputs);
        }
      }
    }
  }

  const MergeRequest& m_request;
  Fleet& m_fleet;
  const Roster& m_roster;
  const std::vector<NodeReport>& m_baseline;
  Characters& m_characters;
  Groups m_groups;
};

}  // namespace

Groups group_answers(const MergeRequest& request, Fleet& fleet, const Roster& roster,
                     const std::vector<NodeReport>& baseline, Characters& characters) {
  return Grouping(request, fleet, roster, baseline, characters).take();
}

}  // namespace goldseal::fleet
