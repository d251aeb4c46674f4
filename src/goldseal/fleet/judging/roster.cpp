// SPDX-License-Identifier: Apache-2.0
#include <goldseal/fleet/judging/roster.hpp>

#include <goldseal/base/messages/text.hpp>
#include <goldseal/base/messages/utc.hpp>
#include <goldseal/fleet/reading/node_set.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <tuple>
#include <unordered_set>

namespace goldseal::fleet {
namespace {

constexpr std::int64_t k_clocks_differ = 300;    // seconds that a node's clock may be ahead of this machine's
constexpr std::int64_t k_batch = 24 * 60 * 60;  // without --since, reports that lie apart by more are two batches

// What a report is one of: a newer one of the same slot takes its place.
auto slot_of(const NodeReport& r) { return std::tuple(r.node, r.subject, r.verb, r.rank, r.asked); }

bool says_the_same(const NodeReport& a, const NodeReport& b) {
  return a.code == b.code && a.units == b.units && a.notes == b.notes && a.seal == b.seal && a.facts == b.facts;
}

class RollCall {
 public:
  RollCall(const MergeRequest& request, Fleet& fleet) : m_request(request), m_fleet(fleet) {}

  Roster take() {
    enrol_expected();
    const auto order = filed();
    for (std::size_t begin = 0; begin < order.size();) {
      auto end = begin + 1;
      while (end < order.size() && slot_of(report(order[begin])) == slot_of(report(order[end]))) ++end;
      settle_slot({order.begin() + static_cast<std::ptrdiff_t>(begin), order.begin() + static_cast<std::ptrdiff_t>(end)});
      begin = end;
    }
    drop_checks();
    set_apart_by_time();
    set_apart_by_seal();
    enter_current();
    enter_bad_files();
    note_absent();
    note_ranks();
    note_shared_gpus();
    return std::move(m_roster);
  }

 private:
  [[nodiscard]] const NodeReport& report(std::uint32_t i) const { return m_fleet.collection.reports[i]; }
  [[nodiscard]] std::string text(Id id) const { return std::string(m_fleet.text(id)); }

  NodeResult& node(const std::string& name) { return node_named(m_fleet, m_roster, name, !m_request.expected); }
  NodeResult& node_of(std::uint32_t i) { return node(text(report(i).node)); }

  void add(NodeResult& node, Trouble trouble, const NodeReport* of, std::string message, std::string remedy) {
    node.problems.push_back({trouble, of != nullptr && of->rank >= 0 ? fmt::format("rank {}", of->rank) : "",
                             of == nullptr ? "" : text(of->subject), std::move(message), std::move(remedy),
                             traits(trouble).action});
  }

  void enrol_expected() {
    if (!m_request.expected) return;
    m_fleet.expected = m_request.expected->size();
    for (const auto& name : *m_request.expected) node_named(m_fleet, m_roster, name, true);
  }

  // The reports that lie where they may, ordered by slot and time. A node cannot speak for another one.
  std::vector<std::uint32_t> filed() {
    std::unordered_set<Id> owners;
    const auto& reports = m_fleet.collection.reports;
    for (const auto& r : reports)
      if (r.folder == r.node) owners.insert(r.node);
    std::vector<std::uint32_t> order;
    for (std::uint32_t i = 0; i < reports.size(); ++i) {
      const auto& r = reports[i];
      const bool other = r.folder != 0 && r.folder != r.node &&
                         (owners.contains(r.folder) || is_expected(text(r.folder)));
      if (!other) {
        order.push_back(i);
        continue;
      }
      add(node(text(r.folder)), Trouble::misfiled, &r,
          fmt::format("its directory holds a report that calls itself {} ({}); it counts for neither", text(r.node),
                      text(r.path)),
          "give --node, or the variable that names the node, on that machine");
    }
    std::ranges::sort(order, [&](std::uint32_t a, std::uint32_t b) {
      const auto& x = reports[a];
      const auto& y = reports[b];
      return std::tuple(slot_of(x), x.started, a) < std::tuple(slot_of(y), y.started, b);
    });
    return order;
  }

  [[nodiscard]] bool is_expected(const std::string& name) const {
    const auto found = m_roster.places.find(name);
    return m_request.expected && found != m_roster.places.end() && m_fleet.nodes[found->second].expected;
  }

  // Of one slot, ascending in time: the newest that is of the batch counts, what came before is history.
  void settle_slot(std::vector<std::uint32_t> slot) {
    std::vector<std::uint32_t> late;
    while (!slot.empty() && is_outside(slot.back())) {
      (is_of_the_future(slot.back()) ? m_outside : late).push_back(slot.back());
      slot.pop_back();
    }
    // Beside a report of the batch, what came after it is of the next one.
    if (slot.empty() || (m_request.since && report(slot.back()).started < *m_request.since))
      m_outside.insert(m_outside.end(), late.begin(), late.end());
    if (slot.empty()) return;
    const auto newest = slot.back();
    slot.pop_back();
    while (!slot.empty() && report(slot.back()).started == report(newest).started) {
      m_twins.emplace_back(newest, slot.back());
      slot.pop_back();
    }
    std::ranges::reverse(slot);
    if (!slot.empty()) m_roster.earlier.emplace(newest, std::move(slot));
    m_candidates.push_back(newest);
  }

  [[nodiscard]] bool is_of_the_future(std::uint32_t i) const { return report(i).started > m_request.now + k_clocks_differ; }
  [[nodiscard]] bool is_outside(std::uint32_t i) const {
    return is_of_the_future(i) || (m_request.until && report(i).started > *m_request.until);
  }

  // `verify` judges what `check` does, and more: a newer one takes the place of a check of the same seal.
  void drop_checks() {
    std::map<std::pair<Id, Id>, std::int64_t> verified;
    for (const auto i : m_candidates) {
      const auto& r = report(i);
      if (m_fleet.text(r.verb) != "verify") continue;
      auto& newest = verified.try_emplace({r.node, r.subject}, r.started).first->second;
      newest = std::max(newest, r.started);
    }
    std::erase_if(m_candidates, [&](std::uint32_t i) {
      const auto& r = report(i);
      const auto found = verified.find({r.node, r.subject});
      return m_fleet.text(r.verb) == "check" && found != verified.end() && found->second >= r.started;
    });
  }

  void set_apart(std::uint32_t i, Trouble trouble, std::string message, std::string remedy) {
    m_apart.push_back({i, trouble, std::move(message), std::move(remedy), false});
  }

  void set_apart_by_time() {
    for (const auto i : m_outside) {
      const auto& r = report(i);
      if (is_of_the_future(i)) {
        set_apart(i, Trouble::stale, fmt::format("its report is of {}, in the future: no batch can hold it", utc_text(r.started)),
                  "set that node's clock, and verify there again");
      } else {
        set_apart(i, Trouble::late,
                  fmt::format("its report is of {}, after the batch's end at {}", utc_text(r.started), utc_text(*m_request.until)),
                  "verify there again, or end the batch later");
      }
    }
    std::vector<std::uint32_t> kept;
    const auto begin = beginning();
    for (const auto i : m_candidates) {
      if (report(i).started >= begin) {
        kept.push_back(i);
        continue;
      }
      set_apart(i, Trouble::stale,
                fmt::format("its newest report is of {}; the batch begins at {}", utc_text(report(i).started), utc_text(begin)),
                m_request.since ? "verify there again" : "verify there again, or give --since");
      m_apart.back().old = true;
    }
    m_candidates = std::move(kept);
  }

  // Without --since, a day before the middle of the newest reports: one wrong clock does not make the others old.
  [[nodiscard]] std::int64_t beginning() const {
    if (m_request.since) return *m_request.since;
    if (m_candidates.empty()) return 0;
    std::vector<std::int64_t> times;
    for (const auto i : m_candidates) times.push_back(report(i).started);
    const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::ranges::nth_element(times, middle);
    return *middle - k_batch;
  }

  // The value that most candidates of a subject have; ties go to the one whose newest report is the later.
  template <typename Project>
  std::map<Id, Id> most_have(Project project) const {
    struct Votes {
      std::size_t count = 0;
      std::int64_t newest = 0;
    };
    std::map<Id, std::map<Id, Votes>> votes;
    for (const auto i : m_candidates) {
      if (m_request.expected && !is_expected(text(report(i).node))) continue;
      if (report(i).error != 0) continue;
      auto& vote = votes[report(i).subject][project(report(i))];
      ++vote.count;
      vote.newest = std::max(vote.newest, report(i).started);
    }
    std::map<Id, Id> chosen;
    for (const auto& [subject, values] : votes) {
      const auto best = std::ranges::max_element(values, {}, [](const auto& v) { return std::pair(v.second.count, v.second.newest); });
      chosen.emplace(subject, best->first);
    }
    return chosen;
  }

  static std::string shown_digest(std::string_view digest) {
    return digest.empty() ? "none told" : std::string(digest.substr(0, 12));
  }

  void set_apart_by_seal() {
    const auto seals = most_have([](const NodeReport& r) { return r.seal; });
    const auto policies = most_have([](const NodeReport& r) { return r.policy; });
    const auto digests = most_have([](const NodeReport& r) { return r.policy_digest; });
    const auto versions = most_have([](const NodeReport& r) { return r.version; });
    const auto value = [](const std::map<Id, Id>& all, const NodeReport& r, Id own) {
      const auto found = all.find(r.subject);
      return found == all.end() ? own : found->second;
    };
    std::vector<std::uint32_t> kept;
    for (const auto i : m_candidates) {
      const auto& r = report(i);
      const auto seal = m_request.seal.empty() ? text(value(seals, r, r.seal)) : m_request.seal;
      const auto policy = value(policies, r, r.policy);
      const auto digest = value(digests, r, r.policy_digest);
      const auto version = value(versions, r, r.version);
      if (r.error != 0 && r.seal == 0) {
        kept.push_back(i);  // it ended before it had read the seal: its error is what to tell
      } else if (text(r.seal) != seal) {
        set_apart(i, Trouble::stale,
                  fmt::format("another seal: its {} has the digest {}, {} has {}", text(r.subject), shown_digest(text(r.seal)),
                              m_request.seal.empty() ? "most nodes'" : "the seal that was named", shown_digest(seal)),
                  "copy the seal there again, and verify");
      } else if (r.policy != policy || r.policy_digest != digest) {
        set_apart(i, Trouble::stale,
                  r.policy != policy
                      ? fmt::format("another policy: it judged by {}, most nodes by {}", text(r.policy), text(policy))
                      : fmt::format("another policy: its {} has other rules than most nodes'", text(r.policy)),
                  "verify there with the same policy");
      } else if (r.version != version) {
        set_apart(i, Trouble::stale,
                  fmt::format("another goldseal: {} wrote its report, {} those of most nodes", text(r.version), text(version)),
                  "install the same goldseal there, and verify again");
      } else {
        kept.push_back(i);
      }
    }
    m_candidates = std::move(kept);
  }

  void enter_current() {
    for (const auto i : m_candidates) {
      auto& at = node_of(i);
      if (!at.expected && m_request.expected && at.reports.empty())
        add(at, Trouble::unexpected, nullptr, "it reported and was not expected: it has no vote", "name it in --expect, if it belongs");
      at.reports.push_back(i);
      m_roster.current.push_back(i);
    }
    for (const auto& apart : m_apart) {
      auto& at = node_of(apart.report);
      // A node that nobody expects any more may have old reports.
      if (m_request.expected && !at.expected) continue;
      // What the node tells of this seal today counts; an old report of another rank or device says nothing against it.
      if (apart.trouble == Trouble::stale && apart.old && has_current(at, report(apart.report).subject)) continue;
      add(at, apart.trouble, &report(apart.report), apart.message, apart.remedy);
    }
    for (const auto& [one, other] : m_twins) {
      const bool same = says_the_same(report(one), report(other));
      add(node_of(one), same ? Trouble::duplicate : Trouble::contradictory, &report(one),
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
        add(at, Trouble::warned, nullptr, "an earlier report is " + std::string(traits(trouble).name) + ": " + message, "");
      } else {
        add(at, trouble, nullptr, message, trouble == Trouble::stale ? "merge with that goldseal, or a later one" : "let the node write its report again");
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
          add(at, Trouble::missing, nullptr, "expected a report, found none", "see what became of the node, and verify there again");
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

  // A launcher says how many ranks it started. Where each starts goldseal, those that are silent are worth a line; a job
  // may also have one rank a node verify.
  void note_ranks() {
    std::map<Id, std::pair<std::int32_t, std::set<std::int32_t>>> jobs;
    for (const auto i : m_roster.current) {
      const auto& r = report(i);
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
      m_fleet.notes.push_back(fmt::format("{} of the {} ranks of {} reported; silent: {}{}", ranks.second.size(), ranks.first,
                                          escape_unprintable(text(job)), fold_nodes(silent),
                                          silent.size() == k_shown_ranks ? " …" : ""));
    }
  }

  void note_shared_gpus() {
    std::unordered_map<Id, Id> owners;
    std::set<Id> told;
    for (const auto i : m_roster.current) {
      for (const auto& unit : report(i).units) {
        if (unit.gpu == 0) continue;
        const auto [owner, added] = owners.try_emplace(unit.gpu, report(i).node);
        if (added || owner->second == report(i).node || !told.insert(unit.gpu).second) continue;
        m_fleet.notes.push_back(fmt::format("{} and {} report the same GPU, {}: two names of one machine?",
                                            text(owner->second), text(report(i).node), escape_unprintable(text(unit.gpu))));
      }
    }
  }

  static constexpr std::size_t k_shown_ranks = 1'000;

  struct Apart {
    std::uint32_t report;
    Trouble trouble;
    std::string message;
    std::string remedy;
    bool old = false;
  };

  const MergeRequest& m_request;
  Fleet& m_fleet;
  Roster m_roster;
  std::vector<std::uint32_t> m_candidates;
  std::vector<std::uint32_t> m_outside;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> m_twins;
  std::vector<Apart> m_apart;
};

}  // namespace

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
