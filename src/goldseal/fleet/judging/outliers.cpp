// SPDX-License-Identifier: Apache-2.0
#include <goldseal/fleet/judging/outliers.hpp>

#include <goldseal/base/messages/text.hpp>
#include <goldseal/fleet/judging/deciding_facts.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>

namespace goldseal::fleet {
namespace {

constexpr std::size_t k_fewest_nodes = 3;     // below, nothing is usual
constexpr std::size_t k_rare_part = 20;       // one in twenty nodes, and one node of any fleet
constexpr std::size_t k_most_rare = 200;      // facts that are kept
constexpr std::size_t k_most_of_a_fact = 20;  // values of one fact
constexpr std::size_t k_most_named = 1'000;   // nodes of a rare fact

// `gpu.3.clock` of each GPU is one fact of the GPUs.
std::string common_name(std::string_view name) {
  if (!name.starts_with("gpu.")) return std::string(name);
  const auto dot = name.find('.', 4);
  if (dot == std::string_view::npos || name.find_first_not_of("0123456789", 4) != dot) return std::string(name);
  return fmt::format("gpu.*{}", name.substr(dot));
}

struct Holders {
  std::size_t count = 0;
  std::uint32_t last = static_cast<std::uint32_t>(-1);  // set that was counted last: eight equal GPUs count once
};

class RareFacts {
 public:
  explicit RareFacts(Fleet& fleet) : m_fleet(fleet) {}

  void find() {
    count_sets();
    if (m_nodes < k_fewest_nodes) return;
    count_values();
    choose();
    name_nodes();
    rank();
  }

 private:
  // Most nodes of a fleet have one of a few sets of facts.
  void count_sets() {
    for (std::size_t n = 0; n < m_fleet.nodes.size(); ++n) {
      const auto& node = m_fleet.nodes[n];
      if (node.reports.empty()) continue;
      const auto newest = *std::ranges::max_element(node.reports, {}, [&](std::uint32_t i) { return m_fleet.collection.reports[i].started; });
      m_sets[m_fleet.collection.reports[newest].facts].push_back(n);
      ++m_nodes;
    }
  }

  Id common(Id name) {
    const auto [known, added] = m_common.try_emplace(name, 0);
    if (added) known->second = m_fleet.names.add(common_name(m_fleet.text(name)));
    return known->second;
  }

  void count_values() {
    std::uint32_t set = 0;
    for (const auto& [facts, nodes] : m_sets) {
      for (const auto& [name, value] : unpack(m_fleet.text(facts))) {
        auto& holders = m_values[common(name)][value];
        if (holders.last == set) continue;
        holders.last = set;
        holders.count += nodes.size();
      }
      ++set;
    }
  }

  void choose() {
    for (const auto& [name, values] : m_values) {
      const auto usual = std::ranges::max_element(values, {}, [](const auto& v) { return v.second.count; });
      // A fact that has no usual value (a serial number, a temperature) has no rare one.
      if (usual->second.count * 2 <= m_nodes) continue;
      std::size_t kept = 0;
      for (const auto& [value, holders] : values) {
        const bool rare = holders.count * k_rare_part <= m_nodes || holders.count == 1;
        if (value == usual->first || !rare) continue;
        if (++kept > k_most_of_a_fact) {
          ++m_fleet.rare_left_out;
          continue;
        }
        m_rare[{name, value}] = m_fleet.rare.size();
        m_fleet.rare.push_back({std::string(m_fleet.text(name)), escape_unprintable(m_fleet.text(value)),
                                escape_unprintable(m_fleet.text(usual->first)), holders.count, m_nodes, usual->second.count,
                                decides_bits(m_fleet.text(name)), {}, 0});
      }
    }
  }

  void name_nodes() {
    for (const auto& [facts, nodes] : m_sets) {
      std::set<std::size_t> told;
      for (const auto& [name, value] : unpack(m_fleet.text(facts))) {
        const auto found = m_rare.find({common(name), value});
        if (found == m_rare.end() || !told.insert(found->second).second) continue;
        auto& rare = m_fleet.rare[found->second];
        for (const auto n : nodes) {
          if (rare.nodes.size() < k_most_named) rare.nodes.push_back(m_fleet.nodes[n].name);
          if (in_trouble(m_fleet.nodes[n])) ++rare.in_trouble;
        }
      }
    }
  }

  static bool in_trouble(const NodeResult& node) {
    return std::ranges::any_of(node.problems, [](const Problem& p) { return traits(p.trouble).code != ExitCode::conforms; });
  }

  // The rarest first; of equally rare ones those whose nodes are in trouble, and what decides bits.
  void rank() {
    std::ranges::sort(m_fleet.rare, {}, [](const RareFact& f) {
      return std::tuple(f.count, f.in_trouble == 0, !f.decides, std::string_view(f.name), std::string_view(f.value));
    });
    if (m_fleet.rare.size() <= k_most_rare) return;
    m_fleet.rare_left_out += m_fleet.rare.size() - k_most_rare;
    m_fleet.rare.resize(k_most_rare);
  }

  Fleet& m_fleet;
  std::size_t m_nodes = 0;
  std::map<Id, std::vector<std::size_t>> m_sets;
  std::unordered_map<Id, Id> m_common;
  std::unordered_map<Id, std::unordered_map<Id, Holders>> m_values;
  std::map<std::pair<Id, Id>, std::size_t> m_rare;
};

// --- stragglers ------------------------------------------------------------------------------------------------------

constexpr std::size_t k_fewest_equals = 4;
constexpr double k_far_out = 6;
constexpr double k_sigma = 1.4826;       // median absolute deviations in a standard deviation of a normal distribution
constexpr double k_half_again = 1.5;
constexpr double k_least_seconds = 0.5;  // what is quicker is lost in the noise of starting a process

double median_of(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

void tell_stragglers(Fleet& fleet, Roster& roster, std::string_view stage, const std::vector<std::pair<std::uint32_t, double>>& times) {
  if (times.size() < k_fewest_equals) return;
  std::vector<double> values;
  for (const auto& [report, seconds] : times) values.push_back(seconds);
  const auto median = median_of(values);
  for (auto& value : values) value = std::abs(value - median);
  const auto deviation = k_sigma * median_of(values);
  for (const auto& [report, seconds] : times) {
    if (seconds <= median + k_far_out * deviation || seconds <= k_half_again * median || seconds - median < k_least_seconds) continue;
    const auto& r = fleet.collection.reports[report];
    auto& node = fleet.nodes[roster.places.at(std::string(fleet.text(r.node)))];
    node.problems.push_back({Trouble::straggler, r.rank >= 0 ? fmt::format("rank {}", r.rank) : "", std::string(fleet.text(r.subject)),
                             fmt::format("`{}` took {:.3g} s; the median of {} equal machines is {:.3g} s", escape_unprintable(stage),
                                         seconds, times.size(), median),
                             "look at its clocks, its disks and what else runs there", Action::watch});
  }
}

}  // namespace

void find_rare_facts(Fleet& fleet) { RareFacts(fleet).find(); }

void find_stragglers(Fleet& fleet, Roster& roster) {
  for (const auto& cohort : fleet.cohorts) {
    std::map<Id, std::vector<std::pair<std::uint32_t, double>>> stages;
    std::set<std::uint32_t> reports;
    for (const auto& member : cohort.members) reports.insert(member.report);
    for (const auto i : reports) {
      for (const auto& stage : fleet.collection.reports[i].stages)
        if (std::isfinite(stage.seconds)) stages[stage.name].emplace_back(i, stage.seconds);
    }
    for (const auto& [name, times] : stages) tell_stragglers(fleet, roster, fleet.text(name), times);
  }
}

}  // namespace goldseal::fleet
