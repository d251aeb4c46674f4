// SPDX-License-Identifier: Apache-2.0
// SARIF 2.1.0 (OASIS), for code scanning: it reports defects, so that passes and skips are left out.
#include <goldseal/report/formats.hpp>

#include <goldseal/base/text.hpp>
#include <goldseal/report/gravity.hpp>
#include <goldseal/report/place.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <map>

namespace goldseal {
namespace {

using nlohmann::json;

constexpr auto k_schema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

std::string safe(std::string_view text) { return escape_unprintable(text); }

// RFC 3986: what is not unreserved or a slash is percent-encoded.
std::string uri_of(std::string_view path) {
  std::string uri = path.starts_with('/') ? "file://" : "";
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~/").find(c) != std::string_view::npos;
    uri += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return uri;
}

json location_of(const Finding& finding, const Report& report) {
  const auto place = place_of(finding);
  json physical{{"artifactLocation", {{"uri", uri_of(place ? place->file : report.subject)}}}};
  if (place) physical["region"] = {{"startLine", place->line}};
  json location{{"physicalLocation", std::move(physical)}};
  if (!place && !finding.origin.empty())
    location["logicalLocations"] = json::array({{{"fullyQualifiedName", safe(finding.origin)}}});
  return location;
}

std::string message_of(const Finding& finding) {
  auto text = safe(finding.message);
  if (!finding.expected.empty()) text += fmt::format("; expected {}", safe(finding.expected));
  if (!finding.actual.empty()) text += fmt::format("; found {}", safe(finding.actual));
  if (!finding.remedy.empty()) text += fmt::format(". Fix: {}", safe(finding.remedy));
  return text;
}

// Not having been able to judge fails the gate too, so it is shown as an error.
const char* level_of(Gravity gravity) {
  if (gravity <= Gravity::undecided) return "error";
  return gravity == Gravity::warned ? "warning" : "note";
}

json result_of(const Finding& finding, std::size_t rule, const Report& report) {
  return {{"ruleId", safe(finding.id)},
          {"ruleIndex", rule},
          {"level", level_of(gravity(finding))},
          {"message", {{"text", message_of(finding)}}},
          {"locations", json::array({location_of(finding, report)})},
          {"partialFingerprints", {{"goldsealCheck/v1", safe(finding.id)}}},
          {"properties", {{"status", to_string(finding.status)}, {"severity", to_string(finding.severity)}}}};
}

json rule_of(const std::string& id) {
  return {{"id", id},
          {"shortDescription", {{"text", fmt::format("goldseal check {}", id)}}},
          {"help", {{"text", fmt::format("`goldseal explain {}` says what is checked, why, and what to do.", id)}}}};
}

json invocation_of(const Report& report) {
  const auto code = verdict(report);
  json invocation{{"executionSuccessful", true},
                  {"exitCode", static_cast<int>(code)},
                  {"exitCodeDescription", headline(code)},
                  {"machine", safe(report.target)}};
  if (report.started.ends_with('Z')) invocation["startTimeUtc"] = safe(report.started);
  return invocation;
}

}  // namespace

std::string render_sarif(const Report& report, const RenderOptions& /*options*/) {
  json::array_t rules;
  json::array_t results;
  std::map<std::string, std::size_t, std::less<>> index;
  for (const auto* finding : by_gravity(report)) {
    if (gravity(*finding) >= Gravity::passed) break;
    const auto id = safe(finding->id);
    const auto [rule, added] = index.try_emplace(id, rules.size());
    if (added) rules.push_back(rule_of(id));
    results.push_back(result_of(*finding, rule->second, report));
  }
  const json driver{{"name", "goldseal"}, {"version", safe(report.version)}, {"rules", std::move(rules)}};
  const json run{{"tool", {{"driver", driver}}},
                 {"invocations", json::array({invocation_of(report)})},
                 {"columnKind", "unicodeCodePoints"},
                 {"results", std::move(results)}};
  const json log{{"$schema", k_schema}, {"version", "2.1.0"}, {"runs", json::array({run})}};
  return log.dump(2, ' ', true) + "\n";
}

}  // namespace goldseal
