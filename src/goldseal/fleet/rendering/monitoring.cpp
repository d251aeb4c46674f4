// SPDX-License-Identifier: Apache-2.0
// For monitoring: a Nagios plugin's output, and Prometheus' text format for node_exporter's textfile collector. The time
// of the merge is a metric of its own, so that an alert sees a pass that has grown old.
#include <goldseal/base/messages/text.hpp>
#include <goldseal/base/messages/utc.hpp>
#include <goldseal/fleet/rendering/renderer.hpp>
#include <goldseal/fleet/rendering/summary.hpp>
#include <goldseal/report/shared/layout.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace goldseal::fleet {
namespace {

constexpr std::size_t k_first_line = 200;
constexpr std::size_t k_most_lines = 20;  // NRPE carries 4 kB unless it is told otherwise

// A pipe ends the text and begins the performance data.
std::string plain(std::string_view text, bool unicode) {
  auto result = printable(text, unicode);
  std::ranges::replace(result, '|', '/');
  return result;
}

std::string label_value(std::string_view text) {
  std::string result = "\"";
  for (const char c : escape_unprintable(text)) {
    if (c == '\\' || c == '"') result += '\\';
    result += c;
  }
  return result + "\"";
}

bool has_warnings(const Fleet& fleet) {
  return std::ranges::any_of(fleet.nodes, [](const NodeResult& node) {
    return std::ranges::any_of(node.problems, [](const Problem& p) { return p.action != Action::none || p.trouble == Trouble::warned; });
  });
}

class Metrics {
 public:
  void begin(std::string_view name, std::string_view help) {
    m_name = name;
    fmt::format_to(std::back_inserter(m_text), "# HELP {0} {1}\n# TYPE {0} gauge\n", name, help);
  }
  void sample(std::string_view labels, double value) {
    fmt::format_to(std::back_inserter(m_text), "{}{}{}{} {:.12g}\n", m_name, labels.empty() ? "" : "{", labels, labels.empty() ? "" : "}", value);
  }
  std::string take() { return std::move(m_text); }

 private:
  std::string_view m_name;
  std::string m_text;
};

}  // namespace

int nagios_exit_code(const Fleet& fleet) {
  switch (fleet.code) {
    case ExitCode::conforms:
      return has_warnings(fleet) ? 1 : 0;
    case ExitCode::fails:
    case ExitCode::integrity:
      return 2;
    default:
      return 3;
  }
}

std::string render_fleet_nagios(const Fleet& fleet, const RenderOptions& options) {
  constexpr std::array<std::string_view, 4> k_states{"OK", "WARNING", "CRITICAL", "UNKNOWN"};
  std::string data = fmt::format("nodes={} conforms={}", fleet.nodes.size(), conforming(fleet));
  for (const auto& trouble : k_troubles)
    if (trouble.code != ExitCode::conforms) data += fmt::format(" {}={}", trouble.name, count(fleet, trouble.kind));
  auto text = fmt::format("GOLDSEAL FLEET {} - {} | {} time={:.3f}s\n", k_states[static_cast<std::size_t>(nagios_exit_code(fleet))],
                          cut(plain(counted(fleet), options.unicode), k_first_line, options.unicode), data, fleet.seconds);
  std::size_t lines = 0;
  for (const auto& group : problem_groups(fleet)) {
    if (lines++ == k_most_lines) break;
    text += plain(fmt::format("{} {}: {}", traits(group.problem->trouble).name, cut(who(group), k_first_line, true), group.problem->message),
                  options.unicode) + "\n";
  }
  return text;
}

std::string render_fleet_prometheus(const Fleet& fleet, const RenderOptions& /*options*/) {
  Metrics metrics;
  metrics.begin("goldseal_fleet_exit_code", "0 conforms, 1 fails, 3 inconclusive, 4 damaged.");
  metrics.sample("", static_cast<double>(fleet.code));
  if (const auto merged = parse_utc(fleet.merged)) {
    metrics.begin("goldseal_fleet_last_merge_timestamp_seconds", "When the reports were merged.");
    metrics.sample("", static_cast<double>(*merged));
  }
  metrics.begin("goldseal_fleet_nodes", "Nodes by their most severe trouble; conforms for those without.");
  metrics.sample("state=\"conforms\"", static_cast<double>(conforming(fleet)));
  for (const auto& trouble : k_troubles)
    if (trouble.code != ExitCode::conforms) metrics.sample(fmt::format("state=\"{}\"", trouble.name), static_cast<double>(count(fleet, trouble.kind)));
  metrics.begin("goldseal_fleet_seal_info", "The seals that the fleet was judged by.");
  for (const auto& seal : fleet.seals)
    metrics.sample(fmt::format("seal={},digest={},policy={}", label_value(seal.subject), label_value(fleet.text(seal.digest)), label_value(fleet.text(seal.policy))), 1);
  if (fleet.nodes.empty()) return metrics.take();
  metrics.begin("goldseal_fleet_node_exit_code", "What became of a node, as an exit code.");
  for (const auto& node : fleet.nodes)
    metrics.sample(fmt::format("node={},action={}", label_value(node.name), label_value(row_of(k_actions, node.action).name)), static_cast<double>(node.code));
  metrics.begin("goldseal_fleet_node_report_timestamp_seconds", "When a node's newest report was made.");
  for (const auto& node : fleet.nodes) {
    std::int64_t newest = 0;
    for (const auto i : node.reports) newest = std::max(newest, fleet.collection.reports[i].started);
    if (newest > 0) metrics.sample(fmt::format("node={}", label_value(node.name)), static_cast<double>(newest));
  }
  return metrics.take();
}

}  // namespace goldseal::fleet
