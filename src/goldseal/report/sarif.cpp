// SPDX-License-Identifier: Apache-2.0
// SARIF 2.1.0 (OASIS), for code scanning: it reports defects, so that passes and skips are left out.
#include <goldseal/report/shared/formats.hpp>

#include <goldseal/base/messages/text.hpp>
#include <goldseal/report/json_writer.hpp>
#include <goldseal/report/shared/severity_order.hpp>
#include <goldseal/report/shared/source_location.hpp>

#include <fmt/format.h>

#include <map>
#include <vector>

namespace goldseal {
namespace {

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

void write_text(JsonWriter& json, std::string_view name, std::string_view text) {
  json.key(name);
  json.begin_object();
  json.member("text", text);
  json.end_object();
}

void write_location(JsonWriter& json, const Finding& finding, const Report& report) {
  const auto place = place_of(finding);
  json.begin_object();
  if (!place && !finding.origin.empty()) {
    json.key("logicalLocations");
    json.begin_array();
    json.begin_object();
    json.member("fullyQualifiedName", safe(finding.origin));
    json.end_object();
    json.end_array();
  }
  json.key("physicalLocation");
  json.begin_object();
  json.key("artifactLocation");
  json.begin_object();
  json.member("uri", uri_of(place ? place->file : report.subject));
  json.end_object();
  if (place) {
    json.key("region");
    json.begin_object();
    json.key("startLine");
    json.number(std::uint64_t{place->line});
    json.end_object();
  }
  json.end_object();
  json.end_object();
}

std::string message_of(const Finding& finding) {
  auto text = safe(finding.message);
  if (!finding.expected.empty()) text += fmt::format("; expected {}", safe(finding.expected));
  if (!finding.actual.empty()) text += fmt::format("; found {}", safe(finding.actual));
  if (!finding.remedy.empty()) text += fmt::format(". Fix: {}", safe(finding.remedy));
  return text;
}

// Not having been able to judge fails the gate too, so it is shown as an error.
const char* level_of(Gravity severity_order) {
  if (severity_order <= Gravity::undecided) return "error";
  return severity_order == Gravity::warned ? "warning" : "note";
}

void write_result(JsonWriter& json, const Finding& finding, std::size_t rule, const Report& report) {
  json.begin_object();
  json.member("level", level_of(severity_order(finding)));
  json.key("locations");
  json.begin_array();
  write_location(json, finding, report);
  json.end_array();
  write_text(json, "message", message_of(finding));
  json.key("partialFingerprints");
  json.begin_object();
  json.member("goldsealCheck/v1", safe(finding.id));
  json.end_object();
  json.key("properties");
  json.begin_object();
  json.member("severity", to_string(finding.severity));
  json.member("status", to_string(finding.status));
  json.end_object();
  json.member("ruleId", safe(finding.id));
  json.key("ruleIndex");
  json.number(std::uint64_t{rule});
  json.end_object();
}

void write_rule(JsonWriter& json, const std::string& id) {
  json.begin_object();
  write_text(json, "help", fmt::format("`goldseal explain {}` says what is checked, why, and what to do.", id));
  json.member("id", id);
  write_text(json, "shortDescription", fmt::format("goldseal check {}", id));
  json.end_object();
}

void write_driver(JsonWriter& json, const std::vector<std::string>& rules, const Report& report) {
  json.key("tool");
  json.begin_object();
  json.key("driver");
  json.begin_object();
  json.member("name", "goldseal");
  json.key("rules");
  json.begin_array();
  for (const auto& rule : rules) write_rule(json, rule);
  json.end_array();
  json.member("version", safe(report.version));
  json.end_object();
  json.end_object();
}

void write_invocation(JsonWriter& json, const Report& report) {
  const auto code = verdict(report);
  json.key("invocations");
  json.begin_array();
  json.begin_object();
  json.key("executionSuccessful");
  json.boolean(true);
  json.key("exitCode");
  json.number(static_cast<std::int64_t>(code));
  json.member("exitCodeDescription", safe(verdict_line(report)));
  json.member("machine", safe(report.target));
  if (report.started.ends_with('Z')) json.member("startTimeUtc", safe(report.started));
  json.end_object();
  json.end_array();
}

}  // namespace

std::string render_sarif(const Report& report, const RenderOptions& /*options*/) {
  JsonWriter json;
  json.begin_object();
  json.member("$schema", k_schema);
  json.key("runs");
  json.begin_array();
  json.begin_object();
  json.member("columnKind", "unicodeCodePoints");
  write_invocation(json, report);
  json.key("results");
  json.begin_array();
  std::vector<std::string> rules;
  std::map<std::string, std::size_t, std::less<>> index;
  for (const auto* finding : by_gravity(report)) {
    if (severity_order(*finding) >= Gravity::passed) break;
    const auto [rule, added] = index.try_emplace(safe(finding->id), rules.size());
    if (added) rules.push_back(rule->first);
    write_result(json, *finding, rule->second, report);
  }
  json.end_array();
  write_driver(json, rules, report);
  json.end_object();
  json.end_array();
  json.member("version", "2.1.0");
  json.end_object();
  return json.take();
}

}  // namespace goldseal
