// SPDX-License-Identifier: Apache-2.0
// One page for a fleet of any size, which loads nothing. What is drawn for each node is a square of a map and a line of
// data; the table of checks has a row for each group of nodes with the same results, since ten thousand nodes have a
// handful of those.
#include <goldseal/base/messages/text.hpp>
#include <goldseal/fleet/reading/node_set.hpp>
#include <goldseal/fleet/rendering/fleet_assets.hpp>
#include <goldseal/fleet/rendering/renderer.hpp>
#include <goldseal/fleet/rendering/summary.hpp>
#include <goldseal/report/json_writer.hpp>
#include <goldseal/report/page/page.hpp>
#include <goldseal/report/shared/markup.hpp>
#include <goldseal/verdict/report.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <unordered_map>

namespace goldseal::fleet {
namespace {

constexpr std::size_t k_most_groups = 200;   // of problems
constexpr std::size_t k_most_patterns = 100;  // rows of the matrix
constexpr std::size_t k_cell = 12;
constexpr std::size_t k_most_listed = 200'000;

std::string_view color_of(const NodeResult& node) {
  switch (node.code) {
    case ExitCode::conforms:
      return std::ranges::any_of(node.problems, [](const Problem& p) { return p.action != Action::none; }) ? "warned" : "conforms";
    case ExitCode::fails:
    case ExitCode::integrity:
      return "fails";
    default:
      return "inconclusive";
  }
}

std::string_view state_of(const NodeResult& node) {
  return node.code == ExitCode::conforms || node.problems.empty() ? "conforms" : traits(node.problems.front().trouble).name;
}

class Page {
 public:
  explicit Page(const Fleet& fleet) : m_fleet(fleet) {}

  std::string text() {
    head();
    verdict_section();
    actions();
    rare();
    problems();
    map();
    cohorts();
    seals();
    matrix();
    nodes();
    data();
    m_out += "<footer>goldseal " + escape_markup(m_fleet.version) + ". This file loads nothing from anywhere.</footer>\n</main>\n";
    end_page(m_out, fleet_script());
    return std::move(m_out);
  }

 private:
  template <typename... Arguments>
  void write(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    fmt::format_to(std::back_inserter(m_out), format, std::forward<Arguments>(arguments)...);
  }

  void head() {
    begin_page(m_out, fmt::format("{} {}", headline(m_fleet.code), subjects(m_fleet)), fleet_style());
    m_out += "<main>\n";
  }

  void verdict_section() {
    write("<header class=\"verdict {}\"><h1><b>{}</b> {} <span>on {}</span></h1><p>{}</p><dl class=\"chips\">", goldseal::color_of(m_fleet.code),
          headline(m_fleet.code), escape_markup(subjects(m_fleet)), plural(m_fleet.nodes.size(), "node"), escape_markup(counted(m_fleet)));
    const auto chip = [&](std::string_view name, std::string_view value) {
      if (!value.empty()) write("<div><dt>{}</dt><dd>{}</dd></div>", name, escape_markup(value));
    };
    if (!m_fleet.first.empty()) chip("batch", m_fleet.first + " to " + m_fleet.last);
    chip("merged", m_fleet.merged);
    chip("files", format_count(m_fleet.collection.files));
    chip("expected", m_fleet.expected ? format_count(*m_fleet.expected) : "nobody said: a node that is gone is not missed");
    m_out += "</dl></header>\n";
    if (m_fleet.notes.empty()) return;
    m_out += "<section><h2>Notes</h2>";
    for (const auto& note : m_fleet.notes) write("<p>{}</p>", escape_markup(note));
    m_out += "</section>\n";
  }

  void actions() {
    const auto rows = action_rows(m_fleet);
    if (rows.empty()) return;
    m_out += "<section id=\"actions\"><h2>Actions</h2><p class=\"soft\">goldseal does none of it.</p><table class=\"full\"><tr><th>action</th><th>nodes</th><th>reason</th></tr>";
    for (const auto& row : rows) {
      write("<tr><td><b>{}</b></td><td>{} <span class=\"hosts\">{}</span>", row_of(k_actions, row.action).name, plural(row.nodes.size(), "node"),
            escape_markup(row.hosts));
      if (const auto command = drain_command(row); !command.empty()) write("<pre>{}</pre>", escape_markup(command));
      write("</td><td>{}</td></tr>", escape_markup(row.reason));
    }
    m_out += "</table></section>\n";
  }

  void rare() {
    if (m_fleet.rare.empty()) return;
    m_out += "<section id=\"rare\"><h2>Rare facts</h2><p class=\"soft\">The rarest first: what few nodes have explains more failures than their messages do.</p>"
             "<div class=\"wide\"><table class=\"full\"><tr><th class=\"num\">nodes</th><th>fact</th><th>value</th><th>usual</th><th>where</th><th></th></tr>";
    for (const auto& f : m_fleet.rare) {
      write("<tr><td class=\"num\">{} of {}</td><td class=\"mono\">{}</td><td class=\"mono\">{}</td><td class=\"mono\">{}</td><td><span class=\"hosts\">{}</span></td><td>{}{}</td></tr>",
            f.count, f.of, escape_markup(f.name), escape_markup(f.value), escape_markup(f.usual), escape_markup(fold_nodes(f.nodes)),
            f.decides ? "decides bits" : "", f.in_trouble > 0 ? fmt::format("{}{} in trouble", f.decides ? "; " : "", f.in_trouble) : "");
    }
    m_out += "</table></div>";
    if (m_fleet.rare_left_out > 0) write("<p class=\"soft\">and {} more</p>", m_fleet.rare_left_out);
    m_out += "</section>\n";
  }

  void problems() {
    const auto groups = problem_groups(m_fleet);
    if (groups.empty()) return;
    m_out += "<section id=\"problems\"><h2>Troubles</h2>";
    for (std::size_t i = 0; i < std::min(groups.size(), k_most_groups); ++i) {
      const auto& group = groups[i];
      const auto& p = *group.problem;
      const auto& kind = traits(p.trouble);
      const std::string_view color = kind.code == ExitCode::conforms ? "warn" : kind.code == ExitCode::inconclusive ? "unknown" : "fail";
      write("<details class=\"finding {}\"{}><summary><span class=\"badge\">{}</span><span><span class=\"say\">{}</span> <span class=\"soft\">{}</span></span></summary>"
            "<div class=\"body\"><p>{}</p>",
            color, i < 3 ? " open" : "", kind.name, escape_markup(cut_hosts(who(group))), escape_markup(p.subject), escape_markup(p.message));
      if (!p.remedy.empty()) write("<dl class=\"facts\"><dt>fix</dt><dd class=\"fix\">{}</dd></dl>", prose(p.remedy));
      if (group.nodes.size() > 1) write("<p class=\"soft\">{}</p><span class=\"hosts\">{}</span>", plural(group.nodes.size(), "node"), escape_markup(group.hosts));
      m_out += "</div></details>";
    }
    if (groups.size() > k_most_groups) write("<p class=\"soft\">and {} more: the list of nodes below has them all</p>", groups.size() - k_most_groups);
    m_out += "</section>\n";
  }

  static std::string cut_hosts(const std::string& hosts) {
    constexpr std::size_t k_longest = 160;
    return hosts.size() <= k_longest ? hosts : hosts.substr(0, k_longest) + "…";
  }

  [[nodiscard]] std::size_t columns() const {
    constexpr std::size_t k_widest = 88;
    return std::clamp<std::size_t>(m_fleet.nodes.size(), 1, k_widest);
  }

  // A square a node, one path a colour: the gravest first.
  void map() {
    const auto rows = (m_fleet.nodes.size() + columns() - 1) / columns();
    std::map<std::string_view, std::pair<std::size_t, std::string>> paths;
    for (std::size_t i = 0; i < m_fleet.nodes.size(); ++i) {
      auto& [count, path] = paths[color_of(m_fleet.nodes[i])];
      ++count;
      fmt::format_to(std::back_inserter(path), "M{} {}h{}v{}h-{}z", i % columns() * k_cell, i / columns() * k_cell, k_cell - 2, k_cell - 2, k_cell - 2);
    }
    m_out += "<section id=\"map\"><h2>All nodes</h2><div class=\"legend\">";
    for (const auto& [color, path] : paths) write("<span class=\"{0}\">{0}: {1}</span>", color, format_count(path.first));
    write("<b id=\"under\" class=\"mono\"></b></div><div class=\"map\"><svg width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" role=\"img\" aria-label=\"{2}\">",
          columns() * k_cell, rows * k_cell, escape_markup(counted(m_fleet)));
    for (const auto& [color, path] : paths) write("<path class=\"{}\" d=\"{}\"/>", color, path.second);
    m_out += "</svg></div></section>\n";
  }

  void cohorts() {
    if (m_fleet.cohorts.empty()) return;
    m_out += "<section id=\"cohorts\"><h2>Cohorts</h2><p class=\"soft\">Devices that are equal in all that decides bits; their bits should be equal.</p>";
    std::size_t shown = 0;
    for (const auto& cohort : m_fleet.cohorts) {
      if (++shown > k_most_groups) break;
      std::vector<std::string> members;
      for (const auto at : cohort.members) members.emplace_back(m_fleet.text(m_fleet.collection.reports[at.report].node));
      write("<details class=\"finding {}\"><summary><span class=\"badge\">{}</span><span><span class=\"say\">{}</span> <b>{}</b></span></summary>"
            "<div class=\"body\"><span class=\"hosts\">{}</span><pre>{}{}</pre></div></details>",
            cohort.differing > 0 || cohort.undecided ? "fail" : "pass", cohort.label, escape_markup(described(m_fleet, cohort)),
            escape_markup(outcome(cohort)), escape_markup(fold_nodes(members)), escape_markup(m_fleet.text(cohort.kind)),
            escape_markup(m_fleet.text(cohort.configuration)));
    }
    if (m_fleet.cohorts.size() > k_most_groups) write("<p class=\"soft\">and {} more</p>", m_fleet.cohorts.size() - k_most_groups);
    m_out += "</section>\n";
  }

  void seals() {
    if (m_fleet.seals.size() < 2) return;
    m_out += "<section id=\"seals\"><h2>Seals</h2><table><tr><th>seal</th><th>digest</th><th class=\"num\">conform</th><th class=\"num\">fail</th><th class=\"num\">inconclusive</th>"
             "<th class=\"num\">damaged</th><th class=\"num\">no report</th></tr>";
    for (const auto& row : m_fleet.seals)
      write("<tr><td>{}</td><td class=\"mono\">{}</td><td class=\"num\">{}</td><td class=\"num\">{}</td><td class=\"num\">{}</td><td class=\"num\">{}</td><td class=\"num\">{}</td></tr>",
            escape_markup(row.subject), escape_markup(m_fleet.text(row.digest).substr(0, 12)), row.codes[0], row.codes[1], row.codes[2] + row.codes[3], row.codes[4], row.absent);
    m_out += "</table></section>\n";
  }

  // Nodes with the same results are one row; checks that all pass, or that nothing had to judge, are no column.
  void matrix() {
    std::map<std::pair<Id, Id>, std::vector<std::string>> patterns;  // seal and results
    for (const auto& node : m_fleet.nodes)
      for (const auto i : node.reports) patterns[{m_fleet.collection.reports[i].subject, m_fleet.collection.reports[i].checks}].push_back(node.name);
    std::map<Id, std::set<Id>> statuses;
    for (const auto& [key, names] : patterns)
      for (const auto& [check, status] : unpack(m_fleet.text(key.second))) statuses[check].insert(status);
    std::vector<Id> checks;
    for (const auto& [check, values] : statuses) {
      const auto calm = std::ranges::all_of(values, [](Id s) { return s == static_cast<Id>(Status::pass) || s == static_cast<Id>(Status::skipped); });
      if (!calm) checks.push_back(check);
    }
    if (checks.empty()) return;
    std::vector<std::pair<std::pair<Id, Id>, std::vector<std::string>>> rows(patterns.begin(), patterns.end());
    std::ranges::stable_sort(rows, std::ranges::greater{}, [](const auto& row) { return row.second.size(); });
    m_out += "<section id=\"matrix\"><h2>Nodes by checks</h2><p class=\"soft\">Nodes with the same results stand in one row; checks that no node fails are left out.</p>"
             "<div class=\"wide\"><table class=\"matrix\"><tr><th>nodes</th><th>seal</th>";
    for (const auto check : checks) write("<th class=\"up mono\">{}</th>", escape_markup(m_fleet.text(check)));
    m_out += "</tr>";
    for (std::size_t i = 0; i < std::min(rows.size(), k_most_patterns); ++i) matrix_row(rows[i].first, rows[i].second, checks);
    m_out += "</table></div>";
    if (rows.size() > k_most_patterns) write("<p class=\"soft\">and {} more rows</p>", rows.size() - k_most_patterns);
    m_out += "</section>\n";
  }

  void matrix_row(const std::pair<Id, Id>& key, const std::vector<std::string>& names, const std::vector<Id>& checks) {
    struct Sign {
      std::string_view color, sign;
    };
    static constexpr std::array k_signs{Sign{"pass", "✓"}, Sign{"warn", "!"}, Sign{"fail", "✗"}, Sign{"unknown", "?"}, Sign{"skipped", "·"}};
    std::unordered_map<Id, Id> status;
    // Of a check that speaks twice the graver finding counts; the order of Status is not that of gravity.
    constexpr std::array k_gravity{0, 2, 4, 3, 1};
    for (const auto& [check, value] : unpack(m_fleet.text(key.second))) {
      const auto [entry, added] = status.try_emplace(check, value);
      if (!added && k_gravity[value] > k_gravity[entry->second]) entry->second = value;
    }
    write("<tr><td>{} <span class=\"hosts\">{}</span></td><td>{}</td>", plural(names.size(), "report"), escape_markup(fold_nodes(names)),
          escape_markup(m_fleet.text(key.first)));
    for (const auto check : checks) {
      const auto found = status.find(check);
      if (found == status.end()) {
        m_out += "<td class=\"c skipped\"></td>";
      } else {
        const auto& sign = k_signs[found->second];
        write("<td class=\"c {}\" title=\"{}\">{}</td>", sign.color, escape_markup(m_fleet.text(check)), sign.sign);
      }
    }
    m_out += "</tr>";
  }

  void nodes() {
    m_out += "<section id=\"nodes\"><h2>Nodes</h2><div class=\"tools\"><input type=\"search\" id=\"search\" placeholder=\"name, trouble, action, words of the message\" aria-label=\"Search\">"
             "<label>state <select id=\"state\"><option value=\"\">all</option></select></label><span id=\"shown\" class=\"soft\"></span></div>"
             "<div id=\"list\"></div><div id=\"detail\" aria-live=\"polite\"></div>"
             "<noscript><p>The list of all nodes needs JavaScript; everything above does not.</p></noscript></section>\n";
  }

  void data() {
    std::vector<std::string> labels(m_fleet.collection.reports.size());
    for (const auto& cohort : m_fleet.cohorts)
      for (const auto at : cohort.members)
        if (labels[at.report].find(cohort.label) == std::string::npos) labels[at.report] += (labels[at.report].empty() ? "" : " ") + cohort.label;
    JsonWriter json;
    json.begin_object();
    json.key("cell");
    json.number(std::uint64_t{k_cell});
    json.key("columns");
    json.number(std::uint64_t{columns()});
    json.key("nodes");
    json.begin_array();
    for (std::size_t i = 0; i < std::min(m_fleet.nodes.size(), k_most_listed); ++i) node_data(json, m_fleet.nodes[i], labels);
    json.end_array();
    json.end_object();
    m_out += "<script type=\"application/json\" id=\"data\">";
    bool indent = false;
    for (const char c : json.take()) {  // no text within can end the element; indentation is of no use here
      if (c == '\n') {
        indent = true;
      } else if (!(indent && c == ' ')) {
        indent = false;
        if (c == '<') {
          m_out += "\\u003c";
        } else {
          m_out += c;
        }
      }
    }
    m_out += "</script>\n";
  }

  void node_data(JsonWriter& json, const NodeResult& node, const std::vector<std::string>& labels) const {
    json.begin_array();
    json.text(node.name);
    json.text(state_of(node));
    json.text(color_of(node));
    json.text(node.action == Action::none ? "" : row_of(k_actions, node.action).name);
    std::string cohorts;
    for (const auto i : node.reports)
      if (!labels[i].empty()) cohorts += (cohorts.empty() ? "" : " ") + labels[i];
    json.text(cohorts);
    json.text(node.problems.empty() ? "" : node.problems.front().message);
    json.begin_array();
    for (const auto& p : node.problems) {
      json.begin_array();
      json.text(traits(p.trouble).name);
      json.text(p.part);
      json.text(p.message);
      json.text(p.remedy);
      json.text(row_of(k_actions, p.action).name);
      json.end_array();
    }
    json.end_array();
    json.begin_array();
    for (const auto i : node.reports) json.text(m_fleet.text(m_fleet.collection.reports[i].path));
    json.end_array();
    json.end_array();
  }

  const Fleet& m_fleet;
  std::string m_out;
};

}  // namespace

std::string render_fleet_html(const Fleet& fleet, const RenderOptions& /*options*/) { return Page(fleet).text(); }

}  // namespace goldseal::fleet
