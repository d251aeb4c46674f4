// SPDX-License-Identifier: Apache-2.0
#include <goldseal/fleet/judging/cohorts.hpp>

#include <goldseal/base/messages/text.hpp>
#include <goldseal/fleet/judging/pattern.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <tuple>

namespace goldseal::fleet {
namespace {

// Where two runs differ and the one is this many times further from float64 than the other, that one is at fault:
// rounding of one and the same computation moves the error's root mean square by some per cent.
constexpr double k_clearly_worse = 4;
// Of the machines of one kind, at most this part may be configured otherwise by mistake; more is two fleets.
constexpr std::size_t k_tenth = 10;

struct Member {
  UnitRef at;
  const Unit* unit = nullptr;
  bool votes = true;
};

// What is compared: one golden case, run in one way on the same inputs.
using Question = std::tuple<Id, RunKind, Id>;

struct Answers {
  std::map<Id, std::vector<std::size_t>> members;  // by what they answered
  std::map<Id, std::size_t> votes;                 // with those of the seal and the baseline
  std::set<Id> told_by_others;
};

struct Group {
  Cohort cohort;
  std::vector<Member> members;
  std::map<Question, Answers> answers;
  std::map<Question, Id> most;  // what the majority answered
};

using GroupKey = std::tuple<Id, Id, Id, Id, bool>;  // seal, kind, runtime, configuration, on a GPU

// `libtorch 2.13.0 (/path)` and another path of the same are one; what follows the version is a place.
std::string runtime_kind(std::string_view runtime) { return std::string(runtime.substr(0, runtime.find(' '))); }

std::string counted_peers(std::size_t count) { return count == 1 ? "1 equal device" : fmt::format("{} equal devices", count); }

class Comparing {
 public:
  Comparing(const MergeRequest& request, Fleet& fleet, Roster& roster, const std::vector<NodeReport>& baseline,
            Characters& characters)
      : m_request(request), m_fleet(fleet), m_roster(roster), m_baseline(baseline), m_characters(characters) {}

  Comparison compare() {
    gather();
    count_seals();
    count_baseline();
    for (auto& [key, group] : m_groups) judge(group);
    compare_configurations();
    finish();
    return std::move(m_result);
  }

 private:
  [[nodiscard]] const NodeReport& report(std::uint32_t i) const { return m_fleet.collection.reports[i]; }
  NodeResult& node_of(const Member& member) {
    return m_fleet.nodes[m_roster.places.at(std::string(m_fleet.text(report(member.at.report).node)))];
  }

  // What fails for its files, its weights or its network computes something else than its equals: its bits accuse nobody.
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
        m_result.standings.emplace(key_of({i, u}), Standing::uncompared);
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

  // --- one cohort ----------------------------------------------------------------------------------------------------

  // Whether a member's own repetition gave other answers; nothing where it was not repeated.
  static std::optional<bool> varies(const Member& member, Id golden) {
    const CaseRun* once = nullptr;
    const CaseRun* again = nullptr;
    for (const auto& run : member.unit->runs) {
      if (run.golden != golden) continue;
      if (run.kind == RunKind::native) once = &run;
      if (run.kind == RunKind::again) again = &run;
    }
    if (once == nullptr || again == nullptr) return std::nullopt;
    return once->outputs != again->outputs;
  }

  void judge(Group& group) {
    std::set<Id> varying;
    for (const auto& [question, answers] : group.answers) {
      const auto golden = std::get<0>(question);
      if (std::get<1>(question) == RunKind::native && judge_repeats(group, golden)) varying.insert(golden);
    }
    group.cohort.varying = varying.size();
    for (const auto& [question, answers] : group.answers) {
      if (std::get<1>(question) == RunKind::native && varying.contains(std::get<0>(question))) continue;
      judge_answers(group, question, answers);
    }
    if (group.members.size() == 1) tell_alone(group);
  }

  // True where the case is not to be compared: most members answer it otherwise from run to run.
  bool judge_repeats(Group& group, Id golden) {
    std::vector<const Member*> unstable;
    std::size_t repeated = 0;
    for (const auto& member : group.members) {
      const auto one = varies(member, golden);
      if (!one) continue;
      ++repeated;
      if (*one) unstable.push_back(&member);
    }
    if (unstable.empty()) return false;
    if (unstable.size() * 2 > repeated || repeated < 3) {
      for (const auto* const member : unstable)
        add(*member, Trouble::unstable,
            fmt::format("two runs of {} on it differ in their bits: it is not compared with others", shown(golden)),
            "make the model deterministic (torch.use_deterministic_algorithms) to compare it bit by bit");
      return true;
    }
    for (const auto* const member : unstable) {
      set(*member, Standing::odd);
      ++group.cohort.differing;
      add(*member, Trouble::odd,
          fmt::format("two runs of {} on it differ in their bits; on {} both runs are equal", shown(golden),
                      counted_peers(repeated - unstable.size())),
          "isolate the device and test its hardware");
    }
    return false;
  }

  void judge_answers(Group& group, const Question& question, const Answers& answers) {
    std::size_t total = 0;
    for (const auto& [answer, votes] : answers.votes) total += votes;
    if (answers.votes.empty()) return;
    const auto best = std::ranges::max_element(answers.votes, {}, [](const auto& v) { return v.second; });
    if (total < 2 && group.members.size() < 2) return;
    const bool majority = best->second * 2 > total && best->second >= 2;
    if (!majority) return judge_without_majority(group, question, answers);
    group.most[question] = best->first;
    for (const auto& [answer, members] : answers.members) {
      for (const auto m : members) {
        if (answer == best->first) {
          set(group.members[m], Standing::with_most);
        } else if (standing(group.members[m]) != Standing::odd) {
          tell_odd(group, question, answers, group.members[m], answer, best->first, best->second);
        }
      }
    }
  }

  void tell_odd(Group& group, const Question& question, const Answers& answers, const Member& member, Id answer, Id most,
                std::size_t peers) {
    set(member, Standing::odd);
    ++group.cohort.differing;
    const auto alike = answers.members.at(answer).size() - 1;
    auto message = fmt::format("{} run of {} gives other bits than {}{}: {}", to_string(std::get<1>(question)),
                               shown(std::get<0>(question)), counted_peers(peers), with(group.cohort), differing_outputs(most, answer));
    if (alike > 0) message += fmt::format("; {} more give the same other bits, so that a setting or a build that no fact tells is likelier than a fault", alike);
    if (const auto seen = pattern(group, question, member, most); !seen.empty()) message += "; " + seen;
    if (node_of(member).expected && report(member.at.report).code == ExitCode::conforms) message += "; its own verdict is PASS, within the tolerances";
    add(member, Trouble::odd, std::move(message),
        alike > 0 ? "find what these nodes have in common" : "isolate the device, test its hardware, and verify there again",
        alike > 0 ? Action::fix_configuration : Action::isolate);
  }

  static std::string with(const Cohort& cohort) {
    if (cohort.has_seal && cohort.baseline > 0) return " (the sealing machine and the baseline among them)";
    if (cohort.has_seal) return " (the sealing machine among them)";
    return cohort.baseline > 0 ? " (the baseline among them)" : "";
  }

  std::string pattern(const Group& group, const Question& question, const Member& member, Id most) {
    if (m_patterns == k_most_patterns) return {};
    const auto& own = report(member.at.report);
    const auto& peers = group.answers.at(question).members;
    const auto others = peers.find(most);
    if (own.results == 0 || others == peers.end()) return {};
    for (const auto m : others->second) {
      const auto& peer = report(group.members[m].at.report);
      if (peer.results == 0) continue;
      ++m_patterns;
      return differing_elements(m_request.paths, std::string(m_fleet.text(own.results)), std::string(m_fleet.text(peer.results)),
                                std::string(m_fleet.text(std::get<0>(question))), std::get<1>(question) == RunKind::float64);
    }
    return {};
  }

  // `2 of 3 outputs: boxes, scores`.
  std::string differing_outputs(Id most, Id answer) const {
    std::map<std::string_view, std::string_view> expected;
    const auto lines = [](std::string_view text, auto&& each) {
      for (const auto line : split(text, '\n')) {
        const auto equals = line.rfind('=');
        if (equals != std::string_view::npos) each(line.substr(0, equals), line.substr(equals + 1));
      }
    };
    lines(m_fleet.text(most), [&](auto name, auto digest) { expected.emplace(name, digest); });
    std::string names;
    std::size_t differing = 0;
    std::size_t all = 0;
    lines(m_fleet.text(answer), [&](auto name, auto digest) {
      ++all;
      const auto found = expected.find(name);
      if (found != expected.end() && found->second == digest) return;
      if (++differing <= 3) names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
    });
    if (differing > 3) names += ", …";
    return fmt::format("{} of {} outputs ({})", differing, all, names);
  }

  void judge_without_majority(Group& group, const Question& question, const Answers& answers) {
    if (answers.votes.size() < 2) return;
    // One machine beside the one that sealed: the two may have run the model by different programs.
    std::size_t answering = 0;
    for (const auto& [answer, members] : answers.members) answering += members.size();
    if (answering == 1 && group.cohort.baseline == 0) return;
    // float64 needs no peer: the answers that are much further from it are at fault.
    const auto nearest = nearest_to_float64(group, question, answers);
    const auto is_far = [&](std::size_t m) {
      const auto ratio = ratio_of(group.members[m], question);
      return nearest >= 0 && ratio > k_clearly_worse * nearest;
    };
    std::set<Id> near;
    for (const auto& [answer, members] : answers.members)
      if (!std::ranges::all_of(members, is_far)) near.insert(answer);
    const bool settled = near.size() == 1 && answers.members.size() > 1;
    group.cohort.undecided = group.cohort.undecided || !settled;
    for (const auto& [answer, members] : answers.members) {
      for (const auto m : members) {
        const auto& member = group.members[m];
        const double ratio = ratio_of(member, question);
        if (settled && near.contains(answer)) {
          set(member, Standing::with_most);
        } else if (is_far(m)) {
          set(member, Standing::odd);
          ++group.cohort.differing;
          add(member, Trouble::odd,
              fmt::format("{} run of {} gives other bits than an equal device, and float64 says which: its error is {:.3g} "
                          "times the noise, there {:.3g} times",
                          to_string(std::get<1>(question)), shown(std::get<0>(question)), ratio, nearest),
              "isolate the device, test its hardware, and verify there again");
        } else if (standing(member) < Standing::undecided) {
          set(member, Standing::undecided);
          add(member, Trouble::undecided,
              fmt::format("{} run of {}: {} answers differ in their bits, and none is in the majority; float64 does not say "
                          "which either ({})",
                          to_string(std::get<1>(question)), shown(std::get<0>(question)), answers.votes.size(),
                          ratio < 0 ? std::string("no error was measured") : fmt::format("this one's error is {:.3g} times the noise", ratio)),
              "verify one more machine of this kind, or give --baseline");
        }
      }
    }
  }

  static double ratio_of(const Member& member, const Question& question) {
    for (const auto& run : member.unit->runs)
      if (run.golden == std::get<0>(question) && run.kind == std::get<1>(question)) return run.ratio;
    return -1;
  }

  static double nearest_to_float64(const Group& group, const Question& question, const Answers& answers) {
    double nearest = -1;
    for (const auto& [answer, members] : answers.members) {
      for (const auto m : members) {
        const auto ratio = ratio_of(group.members[m], question);
        if (ratio >= 0 && (nearest < 0 || ratio < nearest)) nearest = ratio;
      }
    }
    return nearest;
  }

  void tell_alone(const Group& group) {
    const auto& member = group.members.front();
    if (standing(member) != Standing::uncompared) return;
    if (group.cohort.has_seal) {
      add(member, Trouble::alone, "its bits differ from those of the sealing machine, which is of its kind, within the tolerances",
          "verify a second machine of this kind, which says whose bits are usual");
      return;
    }
    add(member, Trouble::alone, "no other device of its kind and configuration reported: its bits were compared with none",
        "verify a second machine of this kind, or give --baseline");
  }

  // --- configurations of one kind ------------------------------------------------------------------------------------

  // A node that was configured otherwise by mistake has no peer. Those that differ from it in settings alone tell.
  void compare_configurations() {
    std::map<std::tuple<Id, Id, Id, bool>, std::vector<Group*>> kinds;
    for (auto& [key, group] : m_groups)
      kinds[{std::get<0>(key), std::get<1>(key), std::get<2>(key), std::get<4>(key)}].push_back(&group);
    for (auto& [kind, groups] : kinds) {
      if (groups.size() < 2) continue;
      const auto weight = [](const Group* g) { return g->members.size() + (g->cohort.has_seal ? 1 : 0) + g->cohort.baseline; };
      const auto* const usual = *std::ranges::max_element(groups, {}, weight);
      std::size_t all = 0;
      for (const auto* const group : groups) all += group->members.size();
      if (weight(usual) < 2) continue;
      for (auto* const group : groups) {
        const bool few = group->members.size() == 1 || group->members.size() * k_tenth <= all;
        if (group != usual && few && weight(group) < weight(usual)) compare_configuration(*usual, *group);
      }
    }
  }

  void compare_configuration(const Group& usual, Group& other) {
    for (const auto& member : other.members) {
      for (const auto& run : member.unit->runs) {
        if (run.kind == RunKind::again) continue;
        const auto most = usual_answer(usual, {run.golden, run.kind, run.inputs});
        if (most == 0 || most == run.outputs) continue;
        std::erase_if(node_of(member).problems, [&](const Problem& p) { return p.trouble == Trouble::alone; });
        add(member, Trouble::configuration,
            fmt::format("{} run of {} gives other bits than {} of its kind, which are configured otherwise: {}",
                        to_string(run.kind), shown(run.golden), counted_peers(usual.members.size()),
                        differing_facts(m_fleet, usual.cohort.configuration, other.cohort.configuration)),
            "configure it as the others are, or the others as it is");
        ++other.cohort.differing;
        break;
      }
    }
  }

  static Id usual_answer(const Group& usual, const Question& question) {
    if (const auto most = usual.most.find(question); most != usual.most.end()) return most->second;
    const auto answers = usual.answers.find(question);
    return answers != usual.answers.end() && answers->second.votes.size() == 1 ? answers->second.votes.begin()->first : 0;
  }

  // --- what comes of it ----------------------------------------------------------------------------------------------

  [[nodiscard]] std::string shown(Id id) const { return escape_unprintable(m_fleet.text(id)); }
  [[nodiscard]] Standing standing(const Member& member) const { return m_result.standings.at(key_of(member.at)); }
  void set(const Member& member, Standing to) {
    auto& at = m_result.standings.at(key_of(member.at));
    at = std::max(at, to);  // of several cases the one that says most
  }

  void add(const Member& member, Trouble trouble, std::string message, std::string remedy, std::optional<Action> action = {}) {
    auto& node = node_of(member);
    // Who was not expected has no vote, and is told of without deciding.
    node.problems.push_back({trouble, part_of(m_fleet, member.at), std::string(m_fleet.text(report(member.at.report).subject)),
                             std::move(message), std::move(remedy), action.value_or(traits(trouble).action)});
  }

  void finish() {
    for (auto& [key, group] : m_groups) {
      for (const auto& member : group.members) group.cohort.members.push_back(member.at);
      m_fleet.cohorts.push_back(std::move(group.cohort));
    }
    std::ranges::stable_sort(m_fleet.cohorts, std::ranges::greater{}, [](const Cohort& c) { return c.members.size(); });
    for (std::size_t i = 0; i < m_fleet.cohorts.size(); ++i) m_fleet.cohorts[i].label = label(i);
  }

  // A to Z, AA, AB …
  static std::string label(std::size_t i) {
    std::string text;
    for (++i; i > 0; i = (i - 1) / 26) text.insert(text.begin(), static_cast<char>('A' + (i - 1) % 26));
    return text;
  }

  static constexpr std::size_t k_most_patterns = 16;  // each reads two files

  const MergeRequest& m_request;
  Fleet& m_fleet;
  Roster& m_roster;
  const std::vector<NodeReport>& m_baseline;
  Characters& m_characters;
  std::map<GroupKey, Group> m_groups;
  Comparison m_result;
  std::size_t m_patterns = 0;
};

}  // namespace

Comparison compare_equals(const MergeRequest& request, Fleet& fleet, Roster& roster,
                          const std::vector<NodeReport>& baseline, Characters& characters) {
  return Comparing(request, fleet, roster, baseline, characters).compare();
}

}  // namespace goldseal::fleet
