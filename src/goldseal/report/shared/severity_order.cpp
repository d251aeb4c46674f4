// SPDX-License-Identifier: Apache-2.0
#include <goldseal/report/shared/severity_order.hpp>

#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace goldseal {

Gravity severity_order(const Finding& finding) {
  const bool integrity = finding.severity == Severity::integrity;
  switch (finding.status) {
    case Status::fail:
      return integrity ? Gravity::damaged : Gravity::failed;
    case Status::unknown:
      return integrity || finding.severity == Severity::required ? Gravity::undecided : Gravity::unjudged;
    case Status::warn:
      return Gravity::warned;
    case Status::pass:
      return Gravity::passed;
    case Status::skipped:
      break;
  }
  return Gravity::skipped;
}

std::vector<const Finding*> by_gravity(const Report& report) {
  std::vector<const Finding*> sorted;
  sorted.reserve(report.findings.size());
  for (const auto& finding : report.findings) sorted.push_back(&finding);
  std::ranges::stable_sort(sorted, {}, [](const Finding* f) { return severity_order(*f); });
  return sorted;
}

const Finding* cause(const Report& report) {
  const auto gravest = std::ranges::min_element(report.findings, {}, severity_order);
  if (gravest == report.findings.end() || severity_order(*gravest) >= Gravity::passed) return nullptr;
  return &*gravest;
}

std::string counted(const Report& report) {
  std::vector<std::string> parts;
  const auto add = [&](Status status, std::string_view one, std::string_view many) {
    const auto n = count(report, status);
    if (n != 0) parts.push_back(fmt::format("{} {}", format_count(n), n == 1 ? one : many));
  };
  add(Status::fail, "failed", "failed");
  add(Status::unknown, "unknown", "unknown");
  add(Status::warn, "warning", "warnings");
  add(Status::pass, "passed", "passed");
  add(Status::skipped, "skipped", "skipped");
  return parts.empty() ? "no checks" : fmt::format("{}", fmt::join(parts, ", "));
}

double total_seconds(const Report& report) {
  return std::accumulate(report.stages.begin(), report.stages.end(), 0.0,
                         [](double sum, const Stage& stage) { return sum + stage.seconds; });
}

std::string shown_number(double value) {
  const bool whole = std::trunc(value) == value;
  if (std::abs(value) < (whole ? 1e9 : 1e6) && (whole || std::abs(value) >= 1000)) return fmt::format("{:.0f}", value);
  return fmt::format("{:.3g}", value);
}

std::string shown_value(const Measurement& measurement) {
  const auto number = shown_number(measurement.value);
  return measurement.unit.empty() ? number : fmt::format("{} {}", number, measurement.unit);
}

std::vector<const Measurement*> relevant_measurements(const Finding& finding) {
  const bool all = finding.tables.empty() || finding.measurements.size() <= k_few_measurements;
  std::vector<const Measurement*> telling;
  for (const auto& measurement : finding.measurements) {
    const bool breaks = measurement.limit && !(measurement.value <= *measurement.limit);
    if (all || breaks) telling.push_back(&measurement);
  }
  return telling;
}

std::string shown_shape(const std::vector<std::int64_t>& shape) {
  return shape.empty() ? "scalar" : fmt::format("{}", fmt::join(shape, "x"));
}

}  // namespace goldseal
