// SPDX-License-Identifier: Apache-2.0
// Prometheus' text format, for node_exporter's textfile collector. The time of the run is a metric of its own, so that
// an alert sees a pass that has grown old.
#include <goldseal/report/shared/formats.hpp>

#include <goldseal/base/messages/text.hpp>
#include <goldseal/report/shared/severity_order.hpp>

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <map>
#include <optional>

namespace goldseal {
namespace {

std::string label_value(std::string_view text) {
  std::string result = "\"";
  for (const char c : escape_unprintable(text)) {
    if (c == '\\' || c == '"') result += '\\';
    result += c;
  }
  return result + "\"";
}

std::string sample_value(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{:.12g}", value);
}

// One metric: its series by their labels. The format allows a series once, so that the greater value stands.
class Metric {
 public:
  Metric(std::string name, std::string_view help) : m_name(std::move(name)), m_help(help) {}

  void set(std::string labels, double value) {
    const auto [series, added] = m_series.try_emplace(std::move(labels), value);
    if (!added && !(series->second > value)) series->second = value;
  }

  void write(std::string& text) const {
    if (m_series.empty()) return;
    text += fmt::format("# HELP {0} {1}\n# TYPE {0} gauge\n", m_name, m_help);
    for (const auto& [labels, value] : m_series) text += fmt::format("{}{{{}}} {}\n", m_name, labels, sample_value(value));
  }

 private:
  std::string m_name;
  std::string_view m_help;
  std::map<std::string, double> m_series;
};

std::optional<int> digits(std::string_view text, std::size_t at, std::size_t length) {
  if (at + length > text.size()) return std::nullopt;
  int value = 0;
  const auto part = text.substr(at, length);
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
  if (error != std::errc{} || end != part.data() + part.size() || value < 0) return std::nullopt;
  return value;
}

// `2026-03-14T09:26:53Z` in seconds since 1970.
std::optional<double> seconds_since_epoch(std::string_view time) {
  const auto year = digits(time, 0, 4);
  const auto month = digits(time, 5, 2);
  const auto day = digits(time, 8, 2);
  const auto hour = digits(time, 11, 2);
  const auto minute = digits(time, 14, 2);
  const auto second = digits(time, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second || !time.ends_with('Z')) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch();
  return static_cast<double>(std::chrono::seconds(days).count() + *hour * 3600 + *minute * 60 + *second);
}

// All metrics of a page: the format wants the series of one metric together, whichever target they are of.
class Metrics {
 public:
  void add(const Report& report) {
    m_common =
        fmt::format("verb={},subject={},target={}", label_value(report.verb), label_value(report.subject), label_value(report.target));
    add_run(report);
    add_findings(report);
  }

  [[nodiscard]] std::string text() const {
    std::string text;
    for (const auto* metric : {&m_info, &m_judged, &m_exit_code, &m_time, &m_seconds, &m_counts, &m_checks, &m_measured, &m_limits})
      metric->write(text);
    return text;
  }

 private:
  void set(Metric& metric, double value, std::string_view labels = {}) const {
    metric.set(fmt::format("{}{}{}", m_common, labels.empty() ? "" : ",", labels), value);
  }

  void add_run(const Report& report) {
    set(m_info, 1, fmt::format("version={},policy={}", label_value(report.version), label_value(report.policy)));
    for (const auto& [part, answer] : report.judged.parts) {
      set(m_judged, answer == "yes" ? 1 : 0,
          fmt::format("part={},answer={},verdict={}", label_value(part), label_value(answer), label_value(verdict_line(report))));
    }
    set(m_exit_code, static_cast<double>(verdict(report)));
    if (const auto time = seconds_since_epoch(report.started)) set(m_time, *time);
    set(m_seconds, total_seconds(report));
  }

  void add_findings(const Report& report) {
    for (const auto status : {Status::pass, Status::warn, Status::fail, Status::unknown, Status::skipped})
      set(m_counts, static_cast<double>(count(report, status)), fmt::format("status={}", label_value(to_string(status))));
    for (const auto& finding : report.findings) {
      const auto check = fmt::format("check={}", label_value(finding.id));
      set(m_checks, severity_order(finding) <= Gravity::undecided ? 1 : 0, check);
      for (const auto& m : finding.measurements) {
        const auto labels = fmt::format("{},name={},unit={}", check, label_value(m.name), label_value(m.unit));
        set(m_measured, m.value, labels);
        if (m.limit) set(m_limits, *m.limit, labels);
      }
    }
  }

  std::string m_common;
  Metric m_info{"goldseal_info", "The goldseal and the policy of the last run."};
  Metric m_judged{"goldseal_judged", "1 where a part of the model was judged, else 0; what a pass holds for."};
  Metric m_exit_code{"goldseal_exit_code", "0 conforms, 1 fails, 2 no verdict, 3 inconclusive, 4 damaged."};
  Metric m_time{"goldseal_last_run_timestamp_seconds", "When the last run started."};
  Metric m_seconds{"goldseal_run_seconds", "How long the last run took."};
  Metric m_counts{"goldseal_findings", "Findings of the last run by their status."};
  Metric m_checks{"goldseal_check_failed", "1 where a check failed or had to judge and could not, else 0."};
  Metric m_measured{"goldseal_measurement", "What a check measured."};
  Metric m_limits{"goldseal_measurement_limit", "The limit that a measurement was compared with."};
};

}  // namespace

std::string render_prometheus(const Report& report, const RenderOptions& options) {
  return render_prometheus_together({&report, 1}, options);
}

std::string render_prometheus_together(std::span<const Report> reports, const RenderOptions& /*options*/) {
  Metrics metrics;
  for (const auto& report : reports) metrics.add(report);
  return metrics.text();
}

}  // namespace goldseal
