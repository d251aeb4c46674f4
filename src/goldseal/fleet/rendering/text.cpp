// SPDX-License-Identifier: Apache-2.0
#include <goldseal/base/messages/text.hpp>
#include <goldseal/fleet/reading/node_set.hpp>
#include <goldseal/fleet/rendering/renderer.hpp>
#include <goldseal/fleet/rendering/summary.hpp>
#include <goldseal/report/shared/layout.hpp>
#include <goldseal/verdict/report.hpp>

#include <fmt/color.h>
#include <fmt/format.h>

#include <algorithm>

namespace goldseal::fleet {
namespace {

constexpr std::size_t k_few = 12;        // problems, rare facts and cohorts that are shown without --verbose
constexpr std::size_t k_many = 10'000;   // with it
constexpr std::size_t k_longest_hosts = 240;
constexpr std::size_t k_label = 10;

std::string_view status_word(Trouble trouble) { return traits(trouble).code == ExitCode::conforms ? "warn" : "error"; }

class Writing {
 public:
  Writing(const Fleet& fleet, const RenderOptions& options) : m_fleet(fleet), m_options(options) {}

  std::string text() {
    head();
    notes();
    rare();
    problems();
    cohorts();
    seals();
    actions();
    return std::move(m_out);
  }

 private:
  [[nodiscard]] std::size_t limit() const { return m_options.verbose ? k_many : k_few; }
  [[nodiscard]] std::string safe(std::string_view text) const { return printable(text, m_options.unicode); }

  [[nodiscard]] std::string colored(std::string_view text, ExitCode code) const {
    if (!m_options.color) return std::string(text);
    const auto color = code == ExitCode::conforms       ? fmt::terminal_color::green
                       : code == ExitCode::inconclusive ? fmt::terminal_color::yellow
                                                        : fmt::terminal_color::red;
    return fmt::format(fmt::emphasis::bold | fmt::fg(color), "{}", text);
  }

  // A label, and what belongs to it in lines below one another.
  void line(std::string_view label, const std::string& value) {
    const auto lines = wrap(safe(value), std::max<std::size_t>(m_options.width, 40) - k_label - 2);
    for (std::size_t i = 0; i < lines.size(); ++i)
      m_out += fmt::format("  {:<{}}{}\n", i == 0 ? label : "", k_label, lines[i]);
  }

  void title(std::string_view text) { m_out += fmt::format("\n{}\n", text); }
  void more(std::size_t all) {
    if (all > limit()) line("", fmt::format("… and {} more: --verbose, or --format html", all - limit()));
  }

  void head() {
    const auto subject = subjects(m_fleet);
    m_out += fmt::format("{}  {}{}  {:.2f} s\n\n", colored(headline(m_fleet.code), m_fleet.code),
                         subject.empty() ? "" : safe(subject) + " on ", counted(m_fleet), m_fleet.seconds);
    if (!m_fleet.first.empty()) line("batch", fmt::format("{} to {}", m_fleet.first, m_fleet.last));
    line("reports", fmt::format("{} read{}", plural(m_fleet.collection.files, "file"),
                                m_fleet.expected ? fmt::format(", {} expected", plural(*m_fleet.expected, "node")) : ""));
    if (!m_fleet.expected) line("", "nobody said which nodes to expect: one that is gone is not missed (--expect)");
  }

  void notes() {
    for (const auto& note : m_fleet.notes) line("note", note);
  }

  // Before the failures: what is rare explains them.
  void rare() {
    if (m_fleet.rare.empty()) return;
    title("Rare facts, the rarest first");
    for (std::size_t i = 0; i < std::min(limit(), m_fleet.rare.size()); ++i) {
      const auto& fact = m_fleet.rare[i];
      line(fmt::format("{} of {}", fact.count, fact.of),
           fmt::format("{} = {} on {} (usual: {}){}{}", fact.name, fact.value, cut(fold_nodes(fact.nodes), k_longest_hosts, true), fact.usual,
                       fact.decides ? "; decides bits" : "",
                       fact.in_trouble > 0 ? fmt::format("; {} of {} in trouble", fact.in_trouble, fact.count) : ""));
    }
    more(m_fleet.rare.size() + m_fleet.rare_left_out);
  }

  void problems() {
    const auto groups = problem_groups(m_fleet);
    std::size_t shown = 0;
    std::size_t left_out = 0;
    for (const auto& group : groups) {
      const auto& problem = *group.problem;
      const bool warning = traits(problem.trouble).code == ExitCode::conforms;
      // What needs no action is for those who look for it.
      if (warning && problem.action == Action::none && problem.trouble != Trouble::unexpected && !m_options.verbose) continue;
      if (++shown > limit()) {
        ++left_out;
        continue;
      }
      problem_lines(group);
    }
    if (left_out > 0) line("", fmt::format("… and {} more: --verbose, or --format html", left_out));
  }

  void problem_lines(const ProblemGroup& group) {
    const auto& problem = *group.problem;
    const auto& kind = traits(problem.trouble);
    const auto code = kind.code;
    m_out += fmt::format("\n{}", colored(fmt::format("{}[{}]", status_word(problem.trouble), kind.name), code));
    const auto head = fmt::format(": {}{}: {}", cut(who(group), k_longest_hosts, true),
                                  m_fleet.seals.size() > 1 && !problem.subject.empty() ? fmt::format(" ({})", problem.subject) : "",
                                  problem.message);
    const auto lines = wrap(safe(head), std::max<std::size_t>(m_options.width, 40));
    for (const auto& one : lines) m_out += one + "\n";
    if (!problem.remedy.empty()) line("fix", problem.remedy);
    line("action", std::string(row_of(k_actions, problem.action).name));
  }

  void cohorts() {
    if (m_fleet.cohorts.empty()) return;
    title("Cohorts: devices whose bits should be equal");
    for (std::size_t i = 0; i < std::min(limit(), m_fleet.cohorts.size()); ++i) {
      const auto& cohort = m_fleet.cohorts[i];
      line(cohort.label, fmt::format("{}: {}{}", described(m_fleet, cohort), outcome(cohort),
                                     m_fleet.seals.size() > 1 ? " (" + escape_unprintable(cohort.subject) + ")" : ""));
    }
    more(m_fleet.cohorts.size());
  }

  void seals() {
    if (m_fleet.seals.size() < 2) return;
    title("Seals");
    Table table{"", {"seal", "conform", "fail", "inconclusive", "damaged", "no report"}, {}};
    for (const auto& row : m_fleet.seals) {
      table.rows.push_back({escape_unprintable(row.subject), std::to_string(row.codes[0]), std::to_string(row.codes[1]),
                            std::to_string(row.codes[2] + row.codes[3]), std::to_string(row.codes[4]), std::to_string(row.absent)});
    }
    for (const auto& one : lay_out(table, std::max<std::size_t>(m_options.width, 40) - 2, limit(), m_options.unicode))
      m_out += one.empty() ? "\n" : "  " + one + "\n";
  }

  void actions() {
    const auto rows = action_rows(m_fleet);
    if (rows.empty()) return;
    title("Actions");
    for (const auto& row : rows) {
      m_out += fmt::format("  {:<18}{}  ({})\n", row_of(k_actions, row.action).name, row.hosts, row.reason);
      if (const auto command = drain_command(row); !command.empty()) m_out += fmt::format("  {:<18}{}\n", "", command);
    }
  }

  const Fleet& m_fleet;
  const RenderOptions& m_options;
  std::string m_out;
};

}  // namespace

std::string render_fleet_text(const Fleet& fleet, const RenderOptions& options) { return Writing(fleet, options).text(); }

std::string render_fleet_oneline(const Fleet& fleet, const RenderOptions& options) {
  constexpr std::size_t k_width = 80;  // as node-problem-detector's sample configuration allows
  std::string line = fmt::format("{} ", headline(fleet.code));
  line += counted(fleet);
  for (const auto& node : fleet.nodes) {
    if (node.code == ExitCode::conforms || node.problems.empty()) break;
    line += fmt::format("; {} {}", traits(node.problems.front().trouble).name, node.name);
  }
  return cut(printable(line, options.unicode), k_width, options.unicode) + "\n";
}

}  // namespace goldseal::fleet
