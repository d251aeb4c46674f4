// SPDX-License-Identifier: Apache-2.0
// The output of a Nagios plugin (also Icinga, Naemon): state and performance data in the first line, findings below.
#include <goldseal/report/shared/formats.hpp>

#include <goldseal/report/renderer.hpp>
#include <goldseal/report/shared/layout.hpp>
#include <goldseal/report/shared/severity_order.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <utility>
#include <vector>

namespace goldseal {
namespace {

constexpr std::size_t k_first_line = 200;
constexpr std::size_t k_most_measurements = 20;  // NRPE carries 4 kB unless it is told otherwise
constexpr std::size_t k_most_findings = 20;

// A pipe ends the text and begins the performance data.
std::string plain(std::string_view text, bool unicode) {
  auto result = printable(text, unicode);
  std::ranges::replace(result, '|', '/');
  return result;
}

std::string label(std::string text) {
  std::ranges::replace(text, '=', ':');
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + "'";
}

// Six significant digits: the plugin guidelines have no exponents.
std::string decimal(double value) {
  if (value == 0) return "0";
  const auto places = std::clamp(5 - static_cast<int>(std::floor(std::log10(std::abs(value)))), 0, 24);
  auto text = fmt::format("{:.{}f}", value, places);
  if (places > 0) text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

std::string value(const Measurement& measurement) {
  if (!std::isfinite(measurement.value)) return "U";
  // The plugin guidelines know seconds, bytes, per cent and counters alone.
  constexpr std::array<std::string_view, 3> k_units{"s", "B", "%"};
  const bool known = std::ranges::find(k_units, measurement.unit) != k_units.end();
  return fmt::format("{}{}", decimal(measurement.value), known ? measurement.unit : "");
}

bool is_limited(const Measurement& measurement) { return measurement.limit && std::isfinite(*measurement.limit); }

// There is no room for all: measurements with a limit come first.
std::vector<std::pair<const Finding*, const Measurement*>> limited_first(const Report& report) {
  std::vector<std::pair<const Finding*, const Measurement*>> all;
  for (const auto* finding : by_gravity(report))
    for (const auto& measurement : finding->measurements) all.emplace_back(finding, &measurement);
  std::stable_partition(all.begin(), all.end(), [](const auto& one) { return is_limited(*one.second); });
  return all;
}

std::string performance_data(const Report& report, bool unicode) {
  auto text = fmt::format("failed={} unknown={} warnings={} passed={} time={:.3f}s", count(report, Status::fail),
                          count(report, Status::unknown), count(report, Status::warn), count(report, Status::pass),
                          total_seconds(report));
  std::set<std::string> written;
  for (const auto& [finding, m] : limited_first(report)) {
    const auto name = label(plain(fmt::format("{} {}", finding->id, m->name), unicode));
    if (written.size() == k_most_measurements || !written.insert(name).second) continue;
    text += fmt::format(" {}={}{}", name, value(*m), is_limited(*m) ? fmt::format(";;{}", decimal(*m->limit)) : "");
  }
  return text;
}

}  // namespace

int nagios_exit_code(const Report& report) {
  switch (verdict(report)) {
    case ExitCode::conforms:
      return count(report, Status::warn) == 0 ? 0 : 1;
    case ExitCode::fails:
    case ExitCode::integrity:
      return 2;
    case ExitCode::no_verdict:
    case ExitCode::inconclusive:
    case ExitCode::defect:
      break;
  }
  return 3;
}

int worst_nagios_exit_code(std::span<const Report> reports) {
  constexpr std::array<int, 4> k_gravity{0, 1, 3, 2};  // of OK, WARNING, CRITICAL, UNKNOWN
  int worst = 0;
  for (const auto& report : reports) {
    const int code = nagios_exit_code(report);
    if (k_gravity[static_cast<std::size_t>(code)] > k_gravity[static_cast<std::size_t>(worst)]) worst = code;
  }
  return worst;
}

std::string render_nagios(const Report& report, const RenderOptions& options) {
  constexpr std::array<std::string_view, 4> k_states{"OK", "WARNING", "CRITICAL", "UNKNOWN"};
  const auto* const shown = cause(report);
  const auto said = shown == nullptr ? fmt::format("{}: {}", report.subject, counted(report))
                                     : fmt::format("{}: {}", shown->id, shown->message);
  auto text = fmt::format("GOLDSEAL {}{} - {} | {}\n", k_states[static_cast<std::size_t>(nagios_exit_code(report))],
                          plain(scope_clause(report), options.unicode),
                          cut(plain(said, options.unicode), k_first_line, options.unicode),
                          performance_data(report, options.unicode));
  std::size_t lines = 0;
  for (const auto* finding : by_gravity(report)) {
    if (severity_order(*finding) >= Gravity::passed || lines++ == k_most_findings) break;
    text += plain(fmt::format("{} {}: {}", to_string(finding->status), finding->id, finding->message), options.unicode);
    if (!finding->remedy.empty()) text += plain(fmt::format("; fix: {}", finding->remedy), options.unicode);
    text += "\n";
  }
  return text;
}

}  // namespace goldseal
