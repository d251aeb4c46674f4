// SPDX-License-Identifier: Apache-2.0
#include <goldseal/fleet/judging/candidates.hpp>

#include <goldseal/base/messages/utc.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <tuple>
#include <unordered_set>

namespace goldseal::fleet {
namespace {

constexpr std::int64_t k_clocks_differ = 300;   // seconds that a node's clock may be ahead of this machine's
constexpr std::int64_t k_batch = 24 * 60 * 60;  // without --since, reports that lie apart by more are two batches

// What a report is one of: a newer one of the same slot takes its place.
auto slot_of(const NodeReport& r) { return std::tuple(r.node, r.subject, r.verb, r.rank, r.asked); }

class Choice {
 public:
  Choice(const MergeRequest& request, Fleet& fleet, Roster& roster)
      : m_request(request), m_fleet(fleet), m_roster(roster) {}

  Candidates take() {
    const auto order = filed();
    for (std::size_t begin = 0; begin < order.size();) {
      auto end = begin + 1;
      while (end < order.size() && slot_of(report(order[begin])) == slot_of(report(order[end]))) ++end;
      settle_slot(
          {order.begin() + static_cast<std::ptrdiff_t>(begin), order.begin() + static_cast<std::ptrdiff_t>(end)});
      begin = end;
    }
    drop_checks();
    set_apart_by_time();
    set_apart_by_seal();
    return std::move(m_chosen);
  }

 private:
  [[nodiscard]] const NodeReport& report(std::uint32_t i) const { return m_fleet.collection.reports[i]; }
  [[nodiscard]] std::string text(Id id) const { return std::string(m_fleet.text(id)); }

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
                         (owners.contains(r.folder) || is_expected(m_request, m_fleet, m_roster, text(r.folder)));
      if (!other) {
        order.push_back(i);
        continue;
      }
      add_problem(m_fleet, node_named(m_fleet, m_roster, text(r.folder), !m_request.expected), Trouble::misfiled, &r,
                  fmt::format("its directory holds a report that calls itself {} ({}); it counts for neither",
                              text(r.node), text(r.path)),
                  "give --node, or the variable that names the node, on that machine");
    }
    std::ranges::sort(order, [&](std::uint32_t a, std::uint32_t b) {
      const auto& x = reports[a];
      const auto& y = reports[b];
      return std::tuple(slot_of(x), x.started, a) < std::tuple(slot_of(y), y.started, b);
    });
    return order;
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
      m_chosen.twins.emplace_back(newest, slot.back());
      slot.pop_back();
    }
    std::ranges::reverse(slot);
    if (!slot.empty()) m_roster.earlier.emplace(newest, std::move(slot));
    m_chosen.reports.push_back(newest);
  }

  [[nodiscard]] bool is_of_the_future(std::uint32_t i) const {
    return report(i).started > m_request.now + k_clocks_differ;
  }
  [[nodiscard]] bool is_outside(std::uint32_t i) const {
    return is_of_the_future(i) || (m_request.until && report(i).started > *m_request.until);
  }

  // `verify` judges what `check` does, and more: a newer one takes the place of a check of the same seal.
  void drop_checks() {
    std::map<std::pair<Id, Id>, std::int64_t> verified;
    for (const auto i : m_chosen.reports) {
      const auto& r = report(i);
      if (m_fleet.text(r.verb) != "verify") continue;
      auto& newest = verified.try_emplace({r.node, r.subject}, r.started).first->second;
      newest = std::max(newest, r.started);
    }
    std::erase_if(m_chosen.reports, [&](std::uint32_t i) {
      const auto& r = report(i);
      const auto found = verified.find({r.node, r.subject});
      return m_fleet.text(r.verb) == "check" && found != verified.end() && found->second >= r.started;
    });
  }

  void set_apart(std::uint32_t i, Trouble trouble, std::string message, std::string remedy) {
    m_chosen.apart.push_back({i, trouble, std::move(message), std::move(remedy), false});
  }

  void set_apart_by_time() {
    for (const auto i : m_outside) {
      const auto& r = report(i);
      if (is_of_the_future(i)) {
        set_apart(i, Trouble::stale,
                  fmt::format("its report is of {}, in the future: no batch can hold it", utc_text(r.started)),
                  "set that node's clock, and verify there again");
      } else {
        set_apart(i, Trouble::late,
                  fmt::format("its report is of {}, after the batch's end at {}", utc_text(r.started),
                              utc_text(*m_request.until)),
                  "verify there again, or end the batch later");
      }
    }
    std::vector<std::uint32_t> kept;
    const auto begin = beginning();
    for (const auto i : m_chosen.reports) {
      if (report(i).started >= begin) {
        kept.push_back(i);
        continue;
      }
      set_apart(i, Trouble::stale,
                fmt::format("its newest report is of {}; the batch begins at {}", utc_text(report(i).started),
                            utc_text(begin)),
                m_request.since ? "verify there again" : "verify there again, or give --since");
      m_chosen.apart.back().old = true;
    }
    m_chosen.reports = std::move(kept);
  }

  // Without --since, a day before the middle of the newest reports: one wrong clock does not make the others old.
  [[nodiscard]] std::int64_t beginning() const {
    if (m_request.since) return *m_request.since;
    if (m_chosen.reports.empty()) return 0;
    std::vector<std::int64_t> times;
    for (const auto i : m_chosen.reports) times.push_back(report(i).started);
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
    for (const auto i : m_chosen.reports) {
      if (m_request.expected && !is_expected(m_request, m_fleet, m_roster, text(report(i).node))) continue;
      if (report(i).error != 0) continue;
      auto& vote = votes[report(i).subject][project(report(i))];
      ++vote.count;
      vote.newest = std::max(vote.newest, report(i).started);
    }
    std::map<Id, Id> chosen;
    for (const auto& [subject, values] : votes) {
      const auto best = std::ranges::max_element(
          values, {}, [](const auto& v) { return std::pair(v.second.count, v.second.newest); });
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
    for (const auto i : m_chosen.reports) {
      const auto& r = report(i);
      const auto seal = m_request.seal.empty() ? text(value(seals, r, r.seal)) : m_request.seal;
      const auto policy = value(policies, r, r.policy);
      const auto digest = value(digests, r, r.policy_digest);
      const auto version = value(versions, r, r.version);
      if (r.error != 0 && r.seal == 0) {
        kept.push_back(i);  // it ended before it had read the seal: its error is what to tell
      } else if (text(r.seal) != seal) {
        set_apart(i, Trouble::stale,
                  fmt::format("another seal: its {} has the digest {}, {} has {}", text(r.subject),
                              shown_digest(text(r.seal)),
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
                  fmt::format("another goldseal: {} wrote its report, {} those of most nodes", text(r.version),
                              text(version)),
                  "install the same goldseal there, and verify again");
      } else {
        kept.push_back(i);
      }
    }
    m_chosen.reports = std::move(kept);
  }

  const MergeRequest& m_request;
  Fleet& m_fleet;
  Roster& m_roster;
  std::vector<std::uint32_t> m_outside;
  Candidates m_chosen;
};

}  // namespace

Candidates choose_candidates(const MergeRequest& request, Fleet& fleet, Roster& roster) {
  return Choice(request, fleet, roster).take();
}

}  // namespace goldseal::fleet
