// SPDX-License-Identifier: Apache-2.0
// The report as JSON, the source of every other format. Keys are sorted, so that two reports differ only where they do.
#include <goldseal/report/formats.hpp>

#include <goldseal/base/text.hpp>
#include <goldseal/report/json_report.hpp>

#include <nlohmann/json.hpp>

#include <cmath>

namespace goldseal {
namespace {

using nlohmann::json;

// JSON is UTF-8; a name from a file need not be.
json text(const std::string& value) { return is_utf8(value) ? value : escape_unprintable(value); }

// JSON has no infinity and no NaN; they are written as text.
json number(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

json limit(const std::optional<double>& value) { return value ? number(*value) : json(nullptr); }

template <typename Range, typename Function>
json array(const Range& range, Function&& element) {
  json::array_t result;
  result.reserve(std::size(range));
  for (const auto& entry : range) result.push_back(element(entry));
  return result;
}

json of(const Measurement& m) {
  return {{"name", text(m.name)}, {"value", number(m.value)}, {"limit", limit(m.limit)}, {"unit", text(m.unit)}};
}

json of(const Table& table) {
  return {{"title", text(table.title)},
          {"columns", array(table.columns, text)},
          {"rows", array(table.rows, [](const auto& row) { return array(row, text); })}};
}

json of(const Finding& finding) {
  return {{"id", text(finding.id)},
          {"status", to_string(finding.status)},
          {"severity", to_string(finding.severity)},
          {"message", text(finding.message)},
          {"expected", text(finding.expected)},
          {"actual", text(finding.actual)},
          {"remedy", text(finding.remedy)},
          {"origin", text(finding.origin)},
          {"measurements", array(finding.measurements, [](const auto& m) { return of(m); })},
          {"tables", array(finding.tables, [](const auto& table) { return of(table); })},
          {"seconds", number(finding.seconds)}};
}

json of(const EnvironmentRow& row) {
  return {{"name", text(row.name)},
          {"sealed", text(row.sealed)},
          {"found", text(row.found)},
          {"status", to_string(row.status)}};
}

json of(const TensorRow& row) {
  return {{"name", text(row.name)},
          {"dtype", text(row.dtype)},
          {"shape", row.shape},
          {"state", to_string(row.state)},
          {"note", text(row.note)}};
}

json of(const ErrorBin& bin) { return {{"decade", bin.decade}, {"count", bin.count}}; }

json of(const OutputError& output) {
  return {{"golden", text(output.golden)},
          {"output", text(output.output)},
          {"run", text(output.run)},
          {"ratio", number(output.ratio)},
          {"limit", number(output.limit)},
          {"remark", text(output.remark)},
          {"distribution", array(output.distribution, [](const auto& bin) { return of(bin); })}};
}

json of(const LayerError& layer) {
  return {{"golden", text(layer.golden)},
          {"name", text(layer.name)},
          {"ratio", number(layer.ratio)},
          {"limit", number(layer.limit)}};
}

json of(const Picture& picture) {
  return {{"title", text(picture.title)}, {"media_type", text(picture.media_type)}, {"base64", text(picture.base64)}};
}

json of(const Evidence& evidence) {
  const auto rows = [](const auto& range) { return array(range, [](const auto& row) { return of(row); }); };
  return {{"environment", rows(evidence.environment)},
          {"tensors", rows(evidence.tensors)},
          {"outputs", rows(evidence.outputs)},
          {"layers", rows(evidence.layers)},
          {"pictures", rows(evidence.pictures)}};
}

json counts(const Report& report) {
  json result = json::object();
  for (const auto status : {Status::pass, Status::warn, Status::fail, Status::unknown, Status::skipped})
    result[std::string(to_string(status))] = count(report, status);
  return result;
}

}  // namespace

std::string render_json(const Report& report, const RenderOptions& /*options*/) {
  const auto code = verdict(report);
  const json document{{"schema", k_report_schema},
                      {"verdict", headline(code)},
                      {"exit_code", static_cast<int>(code)},
                      {"counts", counts(report)},
                      {"verb", text(report.verb)},
                      {"subject", text(report.subject)},
                      {"target", text(report.target)},
                      {"policy", text(report.policy)},
                      {"version", text(report.version)},
                      {"started", text(report.started)},
                      {"next", text(report.next)},
                      {"facts", array(report.facts,
                                      [](const auto& fact) {
                                        return json{{"name", text(fact.first)}, {"value", text(fact.second)}};
                                      })},
                      {"stages", array(report.stages,
                                       [](const auto& stage) {
                                         return json{{"name", text(stage.name)}, {"seconds", number(stage.seconds)}};
                                       })},
                      {"findings", array(report.findings, [](const auto& finding) { return of(finding); })},
                      {"evidence", of(report.evidence)}};
  // ASCII alone: what reorders or hides text on a terminal is escaped too.
  return document.dump(2, ' ', true) + "\n";
}

}  // namespace goldseal
