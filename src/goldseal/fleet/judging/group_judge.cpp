// SPDX-License-Identifier: Apache-2.0
#include <goldseal/fleet/judging/group_judge.hpp>

#include <goldseal/base/messages/text.hpp>
#include <goldseal/fleet/judging/pattern.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>

namespace goldseal::fleet {
namespace {

// Where two runs differ and the one is this many times further from float64 than the other, that one is at fault:
// rounding of one and the same computation moves the error's root mean square by some per cent.
constexpr double k_clearly_worse = 4;
constexpr std::size_t k_most_patterns = 16;  // each reads two files

// Whether a member's own repetition gave other answers; nothing where it was not repeated.
std::optional<bool> varies(const Member& member, Id golden) {
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

double ratio_of(const Member& member, const Question& question) {
  for (const auto& run : member.unit->runs)
    if (run.golden == std::get<0>(question) && run.kind == std::get<1>(question)) return run.ratio;
  return -1;
}

double nearest_to_float64(const Group& group, const Question& question, const Answers& answers) {
  double nearest = -1;
  for (const auto& [answer, members] : answers.members) {
    for (const auto m : members) {
      const auto ratio = ratio_of(group.members[m], question);
      if (ratio >= 0 && (nearest < 0 || ratio < nearest)) nearest = ratio;
    }
  }
  return nearest;
}

std::string with(const Cohort& cohort) {
  if (cohort.has_seal && cohort.baseline > 0) return " (the sealing machine and the baseline among them)";
  if (cohort.has_seal) return " (the sealing machine among them)";
  return cohort.baseline > 0 ? " (the baseline among them)" : "";
}

// `2 of 3 outputs: boxes, scores`.
std::string differing_outputs(const Fleet& fleet, Id most, Id answer) {
  std::map<std::string_view, std::string_view> expected;
  const auto lines = [](std::string_view text, auto&& each) {
    for (const auto line : split(text, '\n')) {
      const auto equals = line.rfind('=');
      if (equals != std::string_view::npos) each(line.substr(0, equals), line.substr(equals + 1));
    }
  };
  lines(fleet.text(most), [&](auto name, auto digest) { expected.emplace(name, digest); });
  std::string names;
  std::size_t differing = 0;
  std::size_t all = 0;
  lines(fleet.text(answer), [&](auto name, auto digest) {
    ++all;
    const auto found = expected.find(name);
    if (found != expected.end() && found->second == digest) return;
    if (++differing <= 3) names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
  });
  if (differing > 3) names += ", …";
  return fmt::format("{} of {} outputs ({})", differing, all, names);
}

}  // namespace

void GroupJudge::judge(Group& group) {
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
bool GroupJudge::judge_repeats(Group& group, Id golden) {
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
      m_notes.add(*member, Trouble::unstable,
                  fmt::format("two runs of {} on it differ in their bits: it is not compared with others",
                              m_notes.shown(golden)),
                  "make the model deterministic (torch.use_deterministic_algorithms) to compare it bit by bit");
    return true;
  }
  for (const auto* const member : unstable) {
    m_notes.set(*member, Standing::odd);
    ++group.cohort.differing;
    m_notes.add(*member, Trouble::odd,
                fmt::format("two runs of {} on it differ in their bits; on {} both runs are equal",
                            m_notes.shown(golden), counted_peers(repeated - unstable.size())),
                "isolate the device and test its hardware");
  }
  return false;
}

void GroupJudge::judge_answers(Group& group, const Question& question, const Answers& answers) {
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
        m_notes.set(group.members[m], Standing::with_most);
      } else if (m_notes.standing(group.members[m]) != Standing::odd) {
        tell_odd(group, question, answers, group.members[m], answer, best->first, best->second);
      }
    }
  }
}

void GroupJudge::tell_odd(Group& group, const Question& question, const Answers& answers, const Member& member,
                          Id answer, Id most, std::size_t peers) {
  m_notes.set(member, Standing::odd);
  ++group.cohort.differing;
  const auto alike = answers.members.at(answer).size() - 1;
  auto message = fmt::format("{} run of {} gives other bits than {}{}: {}", to_string(std::get<1>(question)),
                             m_notes.shown(std::get<0>(question)), counted_peers(peers), with(group.cohort),
                             differing_outputs(m_fleet, most, answer));
  if (alike > 0)
    message += fmt::format(
        "; {} more give the same other bits, so that a setting or a build that no fact tells is likelier than a fault",
        alike);
  if (const auto seen = pattern(group, question, member, most); !seen.empty()) message += "; " + seen;
  if (m_notes.node_of(member).expected && m_notes.report(member).code == ExitCode::conforms)
    message += "; its own verdict is PASS, within the tolerances";
  m_notes.add(member, Trouble::odd, std::move(message),
              alike > 0 ? "find what these nodes have in common"
                        : "isolate the device, test its hardware, and verify there again",
              alike > 0 ? Action::fix_configuration : Action::isolate);
}

std::string GroupJudge::pattern(const Group& group, const Question& question, const Member& member, Id most) {
  if (m_patterns == k_most_patterns) return {};
  const auto& own = m_notes.report(member);
  const auto& peers = group.answers.at(question).members;
  const auto others = peers.find(most);
  if (own.results == 0 || others == peers.end()) return {};
  for (const auto m : others->second) {
    const auto& peer = m_notes.report(group.members[m]);
    if (peer.results == 0) continue;
    ++m_patterns;
    return differing_elements(m_request.paths, std::string(m_fleet.text(own.results)),
                              std::string(m_fleet.text(peer.results)), std::string(m_fleet.text(std::get<0>(question))),
                              std::get<1>(question) == RunKind::float64);
  }
  return {};
}

void GroupJudge::judge_without_majority(Group& group, const Question& question, const Answers& answers) {
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
        m_notes.set(member, Standing::with_most);
      } else if (is_far(m)) {
        m_notes.set(member, Standing::odd);
        ++group.cohort.differing;
        m_notes.add(
            member, Trouble::odd,
            fmt::format(
                "{} run of {} gives other bits than an equal device, and float64 says which: its error is {:.3g} "
                "times the noise, there {:.3g} times",
                to_string(std::get<1>(question)), m_notes.shown(std::get<0>(question)), ratio, nearest),
            "isolate the device, test its hardware, and verify there again");
      } else if (m_notes.standing(member) < Standing::undecided) {
        m_notes.set(member, Standing::undecided);
        m_notes.add(
            member, Trouble::undecided,
            fmt::format(
                "{} run of {}: {} answers differ in their bits, and none is in the majority; float64 does not say "
                "which either ({})",
                to_string(std::get<1>(question)), m_notes.shown(std::get<0>(question)), answers.votes.size(),
                ratio < 0 ? std::string("no error was measured")
                          : fmt::format("this one's error is {:.3g} times the noise", ratio)),
            "verify one more machine of this kind, or give --baseline");
      }
    }
  }
}

void GroupJudge::tell_alone(const Group& group) {
  const auto& member = group.members.front();
  if (m_notes.standing(member) != Standing::uncompared) return;
  if (group.cohort.has_seal) {
    m_notes.add(member, Trouble::alone,
                "its bits differ from those of the sealing machine, which is of its kind, within the tolerances",
                "verify a second machine of this kind, which says whose bits are usual");
    return;
  }
  m_notes.add(member, Trouble::alone,
              "no other device of its kind and configuration reported: its answers were not compared",
              "verify a second machine of this kind, or give --baseline");
}

}  // namespace goldseal::fleet
