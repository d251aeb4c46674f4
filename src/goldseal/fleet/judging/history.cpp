// SPDX-License-Identifier: Apache-2.0
#include <goldseal/fleet/judging/history.hpp>

#include <goldseal/base/messages/text.hpp>
#include <goldseal/base/messages/utc.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>

namespace goldseal::fleet {
namespace {

constexpr std::size_t k_shown_changes = 6;

class LookingBack {
 public:
  LookingBack(Fleet& fleet, Roster& roster, const std::vector<NodeReport>& baseline, const Comparison& comparison,
              Characters& characters)
      : m_fleet(fleet), m_roster(roster), m_baseline(baseline), m_comparison(comparison), m_characters(characters) {}

  void look() {
    for (const auto& r : m_baseline) m_good[{r.node, r.subject, r.rank}] = &r;
    for (const auto i : m_roster.current) {
      const auto& now = m_fleet.collection.reports[i];
      for (std::uint32_t u = 0; u < now.units.size(); ++u) compare(i, u);
    }
    tell_common();
  }

 private:
  [[nodiscard]] std::string text(Id id) const { return escape_unprintable(m_fleet.text(id)); }

  struct Earlier {
    const NodeReport* report = nullptr;
    const Unit* unit = nullptr;
  };

  // The last earlier run of the same seal on the same device.
  [[nodiscard]] Earlier before(std::uint32_t i, const Unit& unit) const {
    const auto& now = m_fleet.collection.reports[i];
    const auto same = [&](const NodeReport& r) -> const Unit* {
      if (r.seal != now.seal) return nullptr;
      const auto found = std::ranges::find(r.units, unit.device, &Unit::device);
      return found == r.units.end() ? nullptr : &*found;
    };
    if (const auto earlier = m_roster.earlier.find(i); earlier != m_roster.earlier.end()) {
      for (const auto e : earlier->second)
        if (const auto* const found = same(m_fleet.collection.reports[e])) return {&m_fleet.collection.reports[e], found};
    }
    const auto good = m_good.find({now.node, now.subject, now.rank});
    if (good == m_good.end()) return {};
    const auto* const found = same(*good->second);
    return found == nullptr ? Earlier{} : Earlier{good->second, found};
  }

  void compare(std::uint32_t i, std::uint32_t u) {
    const auto& now = m_fleet.collection.reports[i];
    const auto& unit = now.units[u];
    const auto earlier = before(i, unit);
    if (earlier.report == nullptr) return;
    const auto* const run = first_difference(unit, *earlier.unit);
    if (run == nullptr) return;
    const auto was = m_characters.of(*earlier.report, *earlier.unit);
    const auto is = m_characters.of(now, unit);
    auto reason = differing_facts(m_fleet, was.kind, is.kind);
    const auto settings = differing_facts(m_fleet, was.configuration, is.configuration);
    if (!settings.empty()) reason += (reason.empty() ? "" : ", ") + settings;
    if (now.runtime != earlier.report->runtime)
      reason += fmt::format("{}runtime: {} → {}", reason.empty() ? "" : ", ", text(earlier.report->runtime), text(now.runtime));
    if (reason.empty()) return tell_unexplained({i, u}, *run, earlier);
    add({i, u}, Trouble::changed,
        fmt::format("its {} run of {} gives other bits than on {}: {}", to_string(run->kind), text(run->golden),
                    utc_text(earlier.report->started), reason),
        "");
  }

  // Cases that both ran, on the same inputs; those that differ from run to run say nothing.
  static const CaseRun* first_difference(const Unit& now, const Unit& then) {
    std::map<std::tuple<Id, RunKind, Id>, Id> before;
    for (const auto& run : then.runs) before[{run.golden, run.kind, run.inputs}] = run.outputs;
    for (const auto& run : now.runs) {
      if (run.kind == RunKind::again || is_unstable(now, run.golden) || is_unstable(then, run.golden)) continue;
      const auto found = before.find({run.golden, run.kind, run.inputs});
      if (found != before.end() && found->second != run.outputs) return &run;
    }
    return nullptr;
  }

  static bool is_unstable(const Unit& unit, Id golden) {
    std::set<Id> answers;
    for (const auto& run : unit.runs)
      if (run.golden == golden && run.kind != RunKind::float64) answers.insert(run.outputs);
    return answers.size() > 1;
  }

  void tell_unexplained(UnitRef at, const CaseRun& run, const Earlier& earlier) {
    const auto& now = m_fleet.collection.reports[at.report];
    const auto standing = m_comparison.standings.find(key_of(at));
    // Where its equals answer the same today, they changed together, by something that no fact tells.
    if (standing != m_comparison.standings.end() && standing->second == Standing::with_most) {
      ++m_common;
      add(at, Trouble::changed,
          fmt::format("its {} run of {} gives other bits than on {}, and so do its equals: something changed for all that no "
                      "fact tells{}",
                      to_string(run.kind), text(run.golden), utc_text(earlier.report->started), other_changes(now, *earlier.report)),
          "find out what was changed on these nodes");
      return;
    }
    const auto replaced = earlier.unit->gpu != now.units[at.unit].gpu
                              ? fmt::format("; the GPU was replaced: {} → {}", text(earlier.unit->gpu), text(now.units[at.unit].gpu))
                              : std::string();
    const auto others = other_changes(now, *earlier.report);
    add(at, Trouble::drifted,
        fmt::format("its {} run of {} gives other bits than on {}, and no fact that decides bits changed{}{}", to_string(run.kind),
                    text(run.golden), utc_text(earlier.report->started), others.empty() ? "; nothing else did either: suspect the hardware" : others, replaced),
        "isolate the device, test its hardware, and verify there again");
  }

  // Facts that decide no bits by themselves: a kernel, a microcode, a count of errors.
  [[nodiscard]] std::string other_changes(const NodeReport& now, const NodeReport& then) const {
    if (now.facts == then.facts) return {};
    std::map<Id, Id> before;
    for (const auto& [name, value] : unpack(m_fleet.text(then.facts))) before[name] = value;
    std::string changes;
    std::size_t count = 0;
    const auto note = [&](Id name, Id from, Id to) {
      if (++count <= k_shown_changes)
        changes += fmt::format("{}{}: {} → {}", changes.empty() ? "" : ", ", text(name), from == 0 ? "none" : text(from), to == 0 ? "none" : text(to));
    };
    for (const auto& [name, value] : unpack(m_fleet.text(now.facts))) {
      const auto found = before.find(name);
      if (found == before.end()) {
        note(name, 0, value);
      } else {
        if (found->second != value) note(name, found->second, value);
        before.erase(found);
      }
    }
    for (const auto& [name, value] : before) note(name, value, 0);
    if (count == 0) return {};
    return fmt::format("; what changed: {}{}", changes, count > k_shown_changes ? fmt::format(" and {} more", count - k_shown_changes) : "");
  }

  void tell_common() {
    if (m_common > 1)
      m_fleet.notes.push_back(fmt::format("{} devices give other bits than before, and agree with their equals: something changed for "
                                          "all of them that no fact tells",
                                          m_common));
  }

  void add(UnitRef at, Trouble trouble, std::string message, std::string remedy) {
    const auto& r = m_fleet.collection.reports[at.report];
    auto& node = m_fleet.nodes[m_roster.places.at(std::string(m_fleet.text(r.node)))];
    node.problems.push_back({trouble, part_of(m_fleet, at), text(r.subject), std::move(message), std::move(remedy), traits(trouble).action});
  }

  Fleet& m_fleet;
  Roster& m_roster;
  const std::vector<NodeReport>& m_baseline;
  const Comparison& m_comparison;
  Characters& m_characters;
  std::map<std::tuple<Id, Id, std::int32_t>, const NodeReport*> m_good;
  std::size_t m_common = 0;
};

}  // namespace

void look_back(Fleet& fleet, Roster& roster, const std::vector<NodeReport>& baseline, const Comparison& comparison,
               Characters& characters) {
  LookingBack(fleet, roster, baseline, comparison, characters).look();
}

}  // namespace goldseal::fleet
