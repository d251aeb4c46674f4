// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/messages/text.hpp>
#include <goldseal/fleet/rendering/renderer.hpp>
#include <goldseal/fleet/rendering/summary.hpp>
#include <goldseal/report/json_writer.hpp>
#include <goldseal/verdict/report.hpp>

#include <algorithm>
#include <map>
#include <set>

namespace goldseal::fleet {
namespace {

std::uint64_t number(std::size_t n) { return std::uint64_t{n}; }

void count(JsonWriter& json, std::string_view name, std::size_t n) {
  json.key(name);
  json.number(number(n));
}

template <typename Range, typename Function>
void list(JsonWriter& json, std::string_view name, const Range& range, Function&& write) {
  json.key(name);
  json.begin_array();
  for (const auto& element : range) write(element);
  json.end_array();
}

// `NAME=VALUE` lines as an object, its names sorted; a fact of a report may hold anything.
void facts(JsonWriter& json, std::string_view name, std::string_view lines) {
  list(json, name, split(lines, '\n'), [&](std::string_view line) {
    if (!line.empty()) json.text(line);
  });
}

void problem(JsonWriter& json, const Problem& problem) {
  json.begin_object();
  json.member("action", row_of(k_actions, problem.action).name);
  json.member("kind", traits(problem.trouble).name);
  json.member("message", problem.message);
  json.member("part", problem.part);
  json.member("remedy", problem.remedy);
  json.member("severity", traits(problem.trouble).code == ExitCode::conforms ? "warn" : "fail");
  json.member("subject", problem.subject);
  json.end_object();
}

class Writing {
 public:
  explicit Writing(const Fleet& fleet) : m_fleet(fleet) {}

  std::string text() {
    m_json.begin_object();
    actions();
    cohorts();
    counts();
    m_json.key("exit_code");
    m_json.number(static_cast<std::int64_t>(m_fleet.code));
    count(m_json, "files", m_fleet.collection.files);
    m_json.member("first", m_fleet.first);
    m_json.member("last", m_fleet.last);
    m_json.member("merged", m_fleet.merged);
    nodes();
    list(m_json, "notes", m_fleet.notes, [&](const std::string& note) { m_json.text(note); });
    rare();
    m_json.member("schema", k_fleet_schema);
    seals();
    m_json.member("seconds", m_fleet.seconds);
    m_json.member("verdict", headline(m_fleet.code));
    m_json.member("version", m_fleet.version);
    m_json.end_object();
    return m_json.take();
  }

 private:
  void actions() {
    list(m_json, "actions", action_rows(m_fleet), [&](const ActionRow& row) {
      m_json.begin_object();
      m_json.member("action", row_of(k_actions, row.action).name);
      m_json.member("command", drain_command(row));
      m_json.member("hosts", row.hosts);
      m_json.member("reason", row.reason);
      m_json.end_object();
    });
  }

  void cohorts() {
    list(m_json, "cohorts", m_fleet.cohorts, [&](const Cohort& cohort) {
      m_json.begin_object();
      m_json.key("baseline_votes");
      m_json.number(number(cohort.baseline));
      facts(m_json, "configuration", m_fleet.text(cohort.configuration));
      count(m_json, "differing", cohort.differing);
      facts(m_json, "kind", m_fleet.text(cohort.kind));
      m_json.member("label", cohort.label);
      list(m_json, "members", cohort.members, [&](UnitRef at) {
        m_json.begin_object();
        const auto& report = m_fleet.collection.reports[at.report];
        m_json.member("device", m_fleet.text(report.units[at.unit].device));
        m_json.member("gpu", m_fleet.text(report.units[at.unit].gpu));
        m_json.member("node", m_fleet.text(report.node));
        m_json.end_object();
      });
      m_json.member("outcome", outcome(cohort));
      m_json.member("runtime", m_fleet.text(cohort.runtime));
      m_json.member("seal", m_fleet.text(cohort.seal));
      m_json.key("seal_votes");
      m_json.boolean(cohort.has_seal);
      m_json.member("subject", cohort.subject);
      m_json.key("undecided");
      m_json.boolean(cohort.undecided);
      m_json.end_object();
    });
  }

  void counts() {
    std::map<std::string_view, std::size_t> all;
    for (const auto& trouble : k_troubles)
      if (trouble.code != ExitCode::conforms) all[trouble.name] = fleet::count(m_fleet, trouble.kind);
    all["conforms"] = conforming(m_fleet);
    all["nodes"] = m_fleet.nodes.size();
    all["reports"] = m_fleet.collection.reports.size();
    if (m_fleet.expected) all["expected"] = *m_fleet.expected;
    m_json.key("counts");
    m_json.begin_object();
    for (const auto& [name, n] : all) count(m_json, name, n);
    m_json.end_object();
  }

  void nodes() {
    list(m_json, "nodes", m_fleet.nodes, [&](const NodeResult& node) {
      m_json.begin_object();
      m_json.member("action", row_of(k_actions, node.action).name);
      m_json.key("exit_code");
      m_json.number(static_cast<std::int64_t>(node.code));
      m_json.key("expected");
      m_json.boolean(node.expected);
      m_json.member("node", node.name);
      list(m_json, "problems", node.problems, [&](const Problem& p) { problem(m_json, p); });
      list(m_json, "reports", node.reports, [&](std::uint32_t i) { m_json.text(m_fleet.text(m_fleet.collection.reports[i].path)); });
      m_json.member("state", node.code == ExitCode::conforms || node.problems.empty() ? "conforms" : traits(node.problems.front().trouble).name);
      m_json.end_object();
    });
  }

  void rare() {
    list(m_json, "rare", m_fleet.rare, [&](const RareFact& fact) {
      m_json.begin_object();
      count(m_json, "count", fact.count);
      m_json.key("decides_bits");
      m_json.boolean(fact.decides);
      count(m_json, "in_trouble", fact.in_trouble);
      m_json.member("name", fact.name);
      list(m_json, "nodes", fact.nodes, [&](const std::string& node) { m_json.text(node); });
      count(m_json, "of", fact.of);
      m_json.member("usual", fact.usual);
      count(m_json, "usual_count", fact.usual_count);
      m_json.member("value", fact.value);
      m_json.end_object();
    });
    count(m_json, "rare_left_out", m_fleet.rare_left_out);
  }

  void seals() {
    list(m_json, "seals", m_fleet.seals, [&](const SealRow& row) {
      m_json.begin_object();
      count(m_json, "absent", row.absent);
      count(m_json, "conforms", row.codes[0]);
      count(m_json, "damaged", row.codes[4]);
      m_json.member("digest", m_fleet.text(row.digest));
      count(m_json, "fails", row.codes[1]);
      count(m_json, "inconclusive", row.codes[2] + row.codes[3]);
      m_json.member("policy", m_fleet.text(row.policy));
      m_json.member("subject", row.subject);
      m_json.end_object();
    });
  }

  const Fleet& m_fleet;
  JsonWriter m_json;
};

}  // namespace

std::string render_fleet_json(const Fleet& fleet, const RenderOptions& /*options*/) { return Writing(fleet).text(); }

}  // namespace goldseal::fleet
