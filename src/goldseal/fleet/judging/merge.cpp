// SPDX-License-Identifier: Apache-2.0
#include <goldseal/fleet/judging/merge.hpp>

#include <goldseal/base/messages/digits.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/base/messages/utc.hpp>
#include <goldseal/base/messages/version.hpp>
#include <goldseal/fleet/judging/cohorts.hpp>
#include <goldseal/fleet/judging/history.hpp>
#include <goldseal/fleet/judging/outliers.hpp>
#include <goldseal/fleet/judging/roster.hpp>
#include <goldseal/fleet/reading/node_set.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <set>

namespace goldseal::fleet {
namespace {

constexpr std::size_t k_shown_notes = 3;

bool is_undecided(const Note& note) {
  return note.status == Status::unknown && (note.severity == Severity::required || note.severity == Severity::integrity);
}

bool decides(const Note& note, ExitCode code) {
  switch (code) {
    case ExitCode::integrity:
      return note.status == Status::fail && note.severity == Severity::integrity;
    case ExitCode::fails:
      return note.status == Status::fail;
    case ExitCode::inconclusive:
      return is_undecided(note);
    default:
      return note.status == Status::warn;
  }
}

Trouble trouble_of(ExitCode code) {
  switch (code) {
    case ExitCode::integrity:
      return Trouble::integrity;
    case ExitCode::fails:
      return Trouble::fails;
    case ExitCode::conforms:
      return Trouble::warned;
    default:
      return Trouble::inconclusive;
  }
}

// Whether all that fails is arithmetic, with weights and network as sealed: then the machine is to be suspected, where
// its equals pass.
bool is_arithmetic(const Fleet& fleet, const NodeReport& report) {
  bool any = false;
  for (const auto& note : report.notes) {
    if (note.status != Status::fail) continue;
    if (!fleet.text(note.check).starts_with("golden.")) return false;
    any = true;
  }
  return any;
}

Action action_of(const Fleet& fleet, const NodeReport& report) {
  if (report.code == ExitCode::conforms) return Action::none;
  if (report.code == ExitCode::fails && is_arithmetic(fleet, report)) return Action::isolate;
  // A worker that crashed or hung on a GPU may leave it in a state that only a reset clears.
  const bool on_gpu = fleet.text(report.asked).starts_with("cuda") || fleet.text(report.asked) == "all" ||
                      std::ranges::any_of(report.units, [](const Unit& u) { return u.gpu != 0; });
  const bool crashed = std::ranges::any_of(report.notes, [&](const Note& n) {
    return n.status != Status::warn && fleet.text(n.check) == "worker.run";
  });
  if (crashed && on_gpu) return Action::reset;
  return traits(trouble_of(report.code)).action;
}

// What a report itself says, gravest notes first.
void tell_own_verdict(Fleet& fleet, NodeResult& node, const NodeReport& report) {
  std::string message;
  std::string remedy;
  std::size_t count = 0;
  for (const auto& note : report.notes) {
    if (!decides(note, report.code)) continue;
    if (++count > k_shown_notes) continue;
    message += fmt::format("{}{}: {}", message.empty() ? "" : "; ", escape_unprintable(fleet.text(note.check)),
                           escape_unprintable(fleet.text(note.message)));
    if (remedy.empty()) remedy = escape_unprintable(fleet.text(note.remedy));
  }
  if (count > k_shown_notes) message += fmt::format("; and {} more", count - k_shown_notes);
  if (report.error != 0) message = escape_unprintable(fleet.text(report.error));
  if (report.code == ExitCode::conforms && count == 0) return;
  if (message.empty()) message = "no check judged anything";
  node.problems.push_back({trouble_of(report.code), report.rank >= 0 ? fmt::format("rank {}", report.rank) : "",
                           escape_unprintable(fleet.text(report.subject)), std::move(message), std::move(remedy),
                           action_of(fleet, report)});
}

int gravity(ExitCode code) {
  switch (code) {
    case ExitCode::integrity:
      return 3;
    case ExitCode::fails:
      return 2;
    case ExitCode::conforms:
      return 0;
    default:
      return 1;
  }
}

ExitCode graver(ExitCode a, ExitCode b) { return gravity(b) > gravity(a) ? b : a; }

void settle(Fleet& fleet) {
  bool judged = false;
  fleet.code = ExitCode::conforms;
  for (auto& node : fleet.nodes) {
    std::ranges::stable_sort(node.problems, {}, &Problem::trouble);
    for (const auto& problem : node.problems) {
      node.action = std::max(node.action, problem.action);
      node.code = graver(node.code, traits(problem.trouble).code);
    }
    judged = judged || !node.reports.empty();
    fleet.code = graver(fleet.code, node.code);
  }
  if (!judged) fleet.code = graver(fleet.code, ExitCode::inconclusive);
}

// `gpu2` before `gpu10`.
bool natural_less(std::string_view a, std::string_view b) {
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() && j < b.size()) {
    if (!is_digit(a[i]) || !is_digit(b[j])) {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i;
      ++j;
      continue;
    }
    const auto number = [&](std::string_view text, std::size_t& at) {
      while (at < text.size() && text[at] == '0') ++at;
      const auto begin = at;
      while (at < text.size() && is_digit(text[at])) ++at;
      return text.substr(begin, at - begin);
    };
    const auto x = number(a, i);
    const auto y = number(b, j);
    if (x.size() != y.size()) return x.size() < y.size();
    if (x != y) return x < y;
  }
  return a.size() - i != b.size() - j ? a.size() - i < b.size() - j : a < b;
}

void order_nodes(Fleet& fleet) {
  const auto first = [](const NodeResult& node) { return node.problems.empty() ? Trouble::warned : node.problems.front().trouble; };
  std::ranges::sort(fleet.nodes, [&](const NodeResult& a, const NodeResult& b) {
    if (gravity(a.code) != gravity(b.code)) return gravity(a.code) > gravity(b.code);
    if (a.problems.empty() != b.problems.empty()) return !a.problems.empty();
    if (first(a) != first(b)) return first(a) < first(b);
    return natural_less(a.name, b.name);
  });
}

void note_times(Fleet& fleet, const Roster& roster) {
  std::int64_t first = std::numeric_limits<std::int64_t>::max();
  std::int64_t last = std::numeric_limits<std::int64_t>::min();
  for (const auto i : roster.current) {
    first = std::min(first, fleet.collection.reports[i].started);
    last = std::max(last, fleet.collection.reports[i].started);
  }
  if (roster.current.empty()) return;
  fleet.first = utc_text(first);
  fleet.last = utc_text(last);
}

// Reports without digests of outputs can be compared with nothing; a PASS must not be taken for more.
void note_uncompared(Fleet& fleet, const Roster& roster) {
  std::size_t verified = 0;
  std::size_t without = 0;
  for (const auto i : roster.current) {
    const auto& r = fleet.collection.reports[i];
    if (r.code != ExitCode::conforms) continue;
    ++verified;
    if (r.units.empty()) ++without;
  }
  if (without > 0)
    fleet.notes.push_back(fmt::format("{} of {} conforming reports hold no digests of outputs (`check`, or an earlier goldseal): "
                                      "their bits were compared with none",
                                      without, verified));
  const auto undigested = std::ranges::count_if(roster.current, [&](auto i) { return !fleet.collection.reports[i].has_digest; });
  if (undigested > 0)
    fleet.notes.push_back(fmt::format("{} of {} reports hold no digest of their own (an earlier goldseal, or not from --report-dir): "
                                      "a flipped bit that leaves one readable is not noticed",
                                      undigested, roster.current.size()));
  if (fleet.collection.foreign > 0)
    fleet.notes.push_back(fmt::format("{} JSON files are not reports and were left out", fleet.collection.foreign));
}

// A directory of a node that nobody expected and that left nothing: it may have gone down before it could write.
void note_silent(Fleet& fleet) {
  std::set<std::string_view> known;
  for (const auto& node : fleet.nodes) known.insert(node.name);
  std::vector<std::string> silent;
  for (const auto& name : fleet.collection.silent)
    if (is_node_name(name) && !known.contains(name)) silent.push_back(name);
  if (!silent.empty())
    fleet.notes.push_back(fmt::format("{} {} no report: {}", silent.size(), silent.size() == 1 ? "directory holds" : "directories hold",
                                      bounded(fold_nodes(silent), 200)));
}

// A node's directory may lie elsewhere: what a link hides is told.
void note_links(Fleet& fleet) {
  const auto& links = fleet.collection.links;
  if (links.empty()) return;
  fleet.notes.push_back(fmt::format("{} not followed (name the directory itself): {}",
                                    links.size() == 1 ? "1 link to a directory was" : fmt::format("{} links to directories were", links.size()),
                                    bounded(escape_unprintable(fmt::format("{}", fmt::join(links, ", "))), 200)));
}

// Whoever gives a baseline relies on its votes.
void note_baseline(Fleet& fleet, const Roster& roster, const std::vector<NodeReport>& baseline) {
  const auto foreign = std::ranges::count_if(baseline, [&](const NodeReport& r) {
    return std::ranges::none_of(roster.current, [&](auto i) { return fleet.collection.reports[i].seal == r.seal; });
  });
  if (foreign > 0)
    fleet.notes.push_back(fmt::format("{} of {} conforming reports of the baseline are on another seal and were compared with none",
                                      foreign, baseline.size()));
}

std::vector<NodeReport> read_baseline(const MergeRequest& request, Fleet& fleet) {
  if (request.baseline.empty()) return {};
  auto collection = collect(request.baseline, fleet.names);
  if (collection.reports.empty() && !collection.bad.empty())
    throw Error(ErrorKind::usage, collection.bad.front().path, fmt::format("expected reports to compare with, found none that can be read: {}", collection.bad.front().message),
                "name a directory that --report-dir wrote to, and that can be read");
  if (collection.reports.empty())
    throw Error(ErrorKind::usage, request.baseline.front().string(), "expected reports to compare with, found none",
                "name a directory that --report-dir wrote to");
  if (!collection.bad.empty())
    fleet.notes.push_back(fmt::format("{} reports of the baseline cannot be read: {}", collection.bad.size(),
                                      escape_unprintable(collection.bad.front().path)));
  // What failed is no measure.
  std::erase_if(collection.reports, [](const NodeReport& r) { return r.code != ExitCode::conforms; });
  std::ranges::stable_sort(collection.reports, {}, &NodeReport::started);
  return std::move(collection.reports);
}

}  // namespace

std::unique_ptr<Fleet> merge(const MergeRequest& request) {
  const auto begin = std::chrono::steady_clock::now();
  auto fleet = std::make_unique<Fleet>();
  fleet->version = k_version;
  fleet->merged = utc_text(request.now);
  fleet->collection = collect(request.paths, fleet->names);
  const auto baseline = read_baseline(request, *fleet);
  auto roster = call_the_roll(request, *fleet);
  for (const auto i : roster.current) {
    const auto& report = fleet->collection.reports[i];
    tell_own_verdict(*fleet, node_named(*fleet, roster, std::string(fleet->text(report.node)), true), report);
  }
  Characters characters(*fleet);
  const auto comparison = compare_equals(request, *fleet, roster, baseline, characters);
  look_back(*fleet, roster, baseline, comparison, characters);
  find_stragglers(*fleet, roster);
  find_rare_facts(*fleet);
  note_uncompared(*fleet, roster);
  note_baseline(*fleet, roster, baseline);
  note_silent(*fleet);
  note_links(*fleet);
  note_times(*fleet, roster);
  settle(*fleet);
  order_nodes(*fleet);
  fleet->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return fleet;
}

std::size_t count(const Fleet& fleet, Trouble trouble) {
  return static_cast<std::size_t>(std::ranges::count_if(fleet.nodes, [&](const NodeResult& node) {
    return !node.problems.empty() && node.problems.front().trouble == trouble;
  }));
}

std::size_t conforming(const Fleet& fleet) {
  return static_cast<std::size_t>(std::ranges::count(fleet.nodes, ExitCode::conforms, &NodeResult::code));
}

std::string part_of(const Fleet& fleet, UnitRef at) {
  const auto& report = fleet.collection.reports[at.report];
  const auto& unit = report.units[at.unit];
  const auto device = escape_unprintable(fleet.text(unit.device));
  std::string part;
  if (device.starts_with("cuda")) part = device.size() > 5 ? "gpu" + device.substr(5) : "gpu";
  if (unit.gpu != 0) part += fmt::format(" ({})", escape_unprintable(fleet.text(unit.gpu)));
  if (report.rank >= 0 && part.empty()) part = fmt::format("rank {}", report.rank);
  return part;
}

}  // namespace goldseal::fleet
