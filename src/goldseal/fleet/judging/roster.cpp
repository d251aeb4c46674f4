// SPDX-License-Identifier: Apache-2.0
#include <goldseal/fleet/judging/roster.hpp>

#include <goldseal/base/messages/text.hpp>
#include <goldseal/base/messages/utc.hpp>
#include <goldseal/fleet/judging/candidates.hpp>
#include <goldseal/fleet/judging/roster_notes.hpp>
#include <goldseal/fleet/reading/node_set.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

namespace goldseal::fleet {
namespace {

bool says_the_same(const NodeReport& a, const NodeReport& b) {
  return a.code == b.code && a.units == b.units && a.notes == b.notes && a.seal == b.seal && a.facts == b.facts;
}

class RollCall {
 public:
  RollCall(const MergeRequest& request, Fleet& fleet) : m_request(request), m_fleet(fleet) {}

  Roster take() {
    enrol_expected();
    enter(choose_candidates(m_request, m_fleet, m_roster));
    enter_bad_files();
    note_absent();
    add_roster_notes(m_roster, m_fleet);
    return std::move(m_roster);
  }

 private:
  [[nodiscard]] const NodeReport& report(std::uint32_t i) const { return m_fleet.collection.reports[i]; }
  [[nodiscard]] std::string text(Id id) const { return std::string(m_fleet.text(id)); }

  NodeResult& node(const std::string& name) { return node_named(m_fleet, m_roster, name, !m_request.expected); }
  NodeResult& node_of(std::uint32_t i) { return node(text(report(i).node)); }

  void enrol_expected() {
    if (!m_request.expected) return;
    m_fleet.expected = m_request.expected->size();
    for (const auto& name : *m_request.expected) node_named(m_fleet, m_roster, name, true);
  }

  void enter(const Candidates& chosen) {
    for (const auto i : chosen.reports) {
      auto& at = node_of(i);
      if (!at.expected && m_request.expected && at.reports.empty())
        add_problem(m_fleet, at, Trouble::unexpected, nullptr, "it reported and was not expected: it has no vote", "name it in --expect, if it belongs");
      at.reports.push_back(i);
      m_roster.current.push_back(i);
    }
    for (const auto& apart : chosen.apart) {
      auto& at = node_of(apart.report);
      // A node that nobody expects any more may have old reports.
      if (m_request.expected && !at.expected) continue;
      // What the node tells of this seal today counts; an old report of another rank or device says nothing against it.
      if (apart.trouble == Trouble::stale && apart.old && has_current(at, report(apart.report).subject)) continue;
      add_problem(m_fleet, at, apart.trouble, &report(apart.report), apart.message, apart.remedy);
    }
    for (const auto& [one, other] : chosen.twins) {
      const bool same = says_the_same(report(one), report(other));
      add_problem(m_fleet, node_of(one), same ? Trouble::duplicate : Trouble::contradictory, &report(one),
          fmt::format("two reports of {}{}: {} and {}", utc_text(report(one).started),
                      same ? " say the same" : " contradict each other", text(report(one).path), text(report(other).path)),
          same ? "" : "see that each machine has a name of its own (--node), and verify there again");
    }
  }

  [[nodiscard]] bool has_current(const NodeResult& node, Id subject) const {
    return std::ranges::any_of(node.reports, [&](std::uint32_t i) { return report(i).subject == subject; });
  }

  static Trouble trouble_of(Defect defect) {
    switch (defect) {
      case Defect::truncated:
        return Trouble::truncated;
      case Defect::unreadable:
        return Trouble::unreadable;
      case Defect::newer:
        return Trouble::stale;
      case Defect::damaged:
      case Defect::foreign:
        break;
    }
    return Trouble::damaged;
  }

  // The node of a file that cannot be read: that of its directory, else what the file is called after.
  std::string owner_of(const BadFile& file) const {
    const auto stem = std::filesystem::path(file.path).stem().string();
    for (const auto& name : {file.folder, stem})
      if (m_roster.places.contains(name)) return name;
    for (const auto& name : {file.folder, stem})
      if (is_node_name(name)) return name;
    return "unknown";
  }

  void enter_bad_files() {
    for (const auto& file : m_fleet.collection.bad) {
      auto& at = node(owner_of(file));
      const auto newer = std::ranges::any_of(at.reports, [&](std::uint32_t i) {
        return m_fleet.text(report(i).folder) == file.folder && m_fleet.text(report(i).path) > file.path;
      });
      const auto trouble = trouble_of(file.defect);
      const auto message = fmt::format("{}: {}", escape_unprintable(file.path), file.message);
      if (newer) {
        add_problem(m_fleet, at, Trouble::warned, nullptr, "an earlier report is " + std::string(traits(trouble).name) + ": " + message, "");
      } else {
        add_problem(m_fleet, at, trouble, nullptr, message, trouble == Trouble::stale ? "merge with that goldseal, or a later one" : "let the node write its report again");
      }
    }
  }

  // Who has no report at all, or none of a seal that the others ran.
  void note_absent() {
    std::map<Id, SealRow> seals;
    for (const auto i : m_roster.current) {
      const auto& r = report(i);
      auto& row = seals[r.subject];
      row.subject = text(r.subject);
      row.digest = r.seal;
      row.policy = r.policy;
    }
    for (auto& at : m_fleet.nodes) {
      std::map<Id, ExitCode> worst;
      for (const auto i : at.reports) {
        auto& code = worst.try_emplace(report(i).subject, report(i).code).first->second;
        code = graver(code, report(i).code);
      }
      for (const auto& [subject, code] : worst) ++seals[subject].codes[std::min<std::size_t>(static_cast<std::size_t>(code), 4)];
      if (at.reports.empty()) {
        if (at.expected && at.problems.empty())
          add_problem(m_fleet, at, Trouble::missing, nullptr, "expected a report, found none", "see what became of the node, and verify there again");
        continue;
      }
      for (auto& [subject, row] : seals) {
        if (worst.contains(subject)) continue;
        ++row.absent;
        if (m_request.expected && at.expected && !tells_of(at, row.subject))
          at.problems.push_back({Trouble::missing, "", row.subject, "expected a report on this seal, found none",
                                 "verify this seal there too", Action::rerun});
      }
    }
    for (auto& [subject, row] : seals) m_fleet.seals.push_back(std::move(row));
  }

  static bool tells_of(const NodeResult& node, const std::string& subject) {
    return std::ranges::any_of(node.problems, [&](const Problem& p) { return p.subject == subject; });
  }

  static ExitCode graver(ExitCode a, ExitCode b) {
    const auto rank = [](ExitCode code) {
      return code == ExitCode::integrity ? 3 : code == ExitCode::fails ? 2 : code == ExitCode::conforms ? 0 : 1;
    };
    return rank(b) > rank(a) ? b : a;
  }

  const MergeRequest& m_request;
  Fleet& m_fleet;
  Roster m_roster;
};

}  // namespace

bool is_expected(const MergeRequest& request, const Fleet& fleet, const Roster& roster, const std::string& name) {
  const auto found = roster.places.find(name);
  return request.expected && found != roster.places.end() && fleet.nodes[found->second].expected;
}

void add_problem(const Fleet& fleet, NodeResult& node, Trouble trouble, const NodeReport* of, std::string message,
                 std::string remedy) {
  node.problems.push_back({trouble, of != nullptr && of->rank >= 0 ? fmt::format("rank {}", of->rank) : "",
                           of == nullptr ? "" : std::string(fleet.text(of->subject)), std::move(message),
                           std::move(remedy), traits(trouble).action});
}

NodeResult& node_named(Fleet& fleet, Roster& roster, const std::string& name, bool expected) {
  const auto [place, added] = roster.places.try_emplace(name, fleet.nodes.size());
  if (added) {
    fleet.nodes.emplace_back();
    fleet.nodes.back().name = name;
    fleet.nodes.back().expected = expected;
  }
  return fleet.nodes[place->second];
}

Roster call_the_roll(const MergeRequest& request, Fleet& fleet) { return RollCall(request, fleet).take(); }

}  // namespace goldseal::fleet
