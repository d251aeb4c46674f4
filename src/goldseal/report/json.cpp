// SPDX-License-Identifier: Apache-2.0
// The report as JSON, the source of every other format. Keys are sorted, so that two reports differ only where they do.
#include <goldseal/report/shared/formats.hpp>

#include <goldseal/base/bytes/own_digest.hpp>
#include <goldseal/report/json_report.hpp>
#include <goldseal/report/json_writer.hpp>
#include <goldseal/report/renderer.hpp>

#include <algorithm>

namespace goldseal {
namespace {

template <typename Range, typename Function>
void write_array(JsonWriter& json, std::string_view name, const Range& range, Function&& write_element) {
  json.key(name);
  json.begin_array();
  for (const auto& element : range) write_element(element);
  json.end_array();
}

void write_texts(JsonWriter& json, std::string_view name, const std::vector<std::string>& texts) {
  write_array(json, name, texts, [&](const std::string& text) { json.text(text); });
}

void write(JsonWriter& json, const Measurement& measurement) {
  json.begin_object();
  json.key("limit");
  if (measurement.limit) {
    json.number(*measurement.limit);
  } else {
    json.null();
  }
  json.member("name", measurement.name);
  json.member("unit", measurement.unit);
  json.member("value", measurement.value);
  json.end_object();
}

void write(JsonWriter& json, const Table& table) {
  json.begin_object();
  write_texts(json, "columns", table.columns);
  write_array(json, "rows", table.rows, [&](const std::vector<std::string>& row) {
    json.begin_array();
    for (const auto& cell : row) json.text(cell);
    json.end_array();
  });
  json.member("title", table.title);
  json.member("total", static_cast<double>(row_count(table)));
  json.end_object();
}

void write(JsonWriter& json, const Finding& finding) {
  json.begin_object();
  json.member("actual", finding.actual);
  json.member("expected", finding.expected);
  json.member("id", finding.id);
  write_array(json, "measurements", finding.measurements, [&](const Measurement& m) { write(json, m); });
  json.member("message", finding.message);
  json.member("origin", finding.origin);
  json.member("remedy", finding.remedy);
  json.member("seconds", finding.seconds);
  json.member("severity", to_string(finding.severity));
  json.member("status", to_string(finding.status));
  write_array(json, "tables", finding.tables, [&](const Table& table) { write(json, table); });
  if (!finding.target.empty()) json.member("target", finding.target);
  json.end_object();
}

void write(JsonWriter& json, const EnvironmentRow& row) {
  json.begin_object();
  json.member("found", row.found);
  json.member("name", row.name);
  json.member("sealed", row.sealed);
  json.member("status", to_string(row.status));
  json.end_object();
}

void write(JsonWriter& json, const TensorRow& row) {
  json.begin_object();
  json.member("dtype", row.dtype);
  json.member("name", row.name);
  json.member("note", row.note);
  write_array(json, "shape", row.shape, [&](std::int64_t size) { json.number(size); });
  json.member("state", to_string(row.state));
  json.end_object();
}

void write(JsonWriter& json, const ErrorBin& bin) {
  json.begin_object();
  json.key("count");
  json.number(bin.count);
  json.key("decade");
  json.number(bin.decade);
  json.end_object();
}

void write(JsonWriter& json, const OutputError& output) {
  json.begin_object();
  write_array(json, "distribution", output.distribution, [&](const ErrorBin& bin) { write(json, bin); });
  json.member("golden", output.golden);
  json.member("limit", output.limit);
  json.member("output", output.output);
  json.member("ratio", output.ratio);
  json.member("remark", output.remark);
  json.member("run", output.run);
  json.member("worst", output.worst);
  json.member("worst_limit", output.worst_limit);
  json.end_object();
}

void write(JsonWriter& json, const LayerError& layer) {
  json.begin_object();
  json.member("golden", layer.golden);
  json.member("limit", layer.limit);
  json.member("name", layer.name);
  json.member("op", layer.op);
  json.member("ratio", layer.ratio);
  json.member("run", layer.run);
  json.end_object();
}

void write(JsonWriter& json, const Picture& picture) {
  json.begin_object();
  json.member("base64", picture.base64);
  json.member("media_type", picture.media_type);
  json.member("title", picture.title);
  json.end_object();
}

void write(JsonWriter& json, const RunDigest& run) {
  json.begin_object();
  json.member("device", run.device);
  json.member("golden", run.golden);
  json.member("gpu", run.gpu);
  json.member("inputs", run.inputs);
  write_array(json, "outputs", run.outputs, [&](const OutputDigest& output) {
    json.begin_object();
    json.member("name", output.name);
    json.member("sealed", output.sealed);
    json.member("sha256", output.sha256);
    json.end_object();
  });
  json.member("run", run.run);
  json.end_object();
}

void write(JsonWriter& json, const Evidence& evidence) {
  const auto rows = [&](std::string_view name, const auto& range) {
    write_array(json, name, range, [&](const auto& row) { write(json, row); });
  };
  json.begin_object();
  rows("environment", evidence.environment);
  rows("layers", evidence.layers);
  rows("outputs", evidence.outputs);
  rows("pictures", evidence.pictures);
  if (!evidence.runs.empty()) rows("runs", evidence.runs);
  rows("tensors", evidence.tensors);
  json.end_object();
}

void write_counts(JsonWriter& json, const Report& report) {
  json.key("counts");
  json.begin_object();
  for (const auto status : {Status::fail, Status::pass, Status::skipped, Status::unknown, Status::warn}) {
    json.key(to_string(status));
    json.number(std::uint64_t{count(report, status)});
  }
  json.end_object();
}

void write_facts(JsonWriter& json, const Report& report) {
  write_array(json, "facts", report.facts, [&](const auto& fact) {
    json.begin_object();
    json.member("name", fact.first);
    json.member("value", fact.second);
    json.end_object();
  });
}

// Members that say nothing are left out.
void write_identity(JsonWriter& json, const Report& report) {
  const auto& identity = report.identity;
  if (identity == Identity{}) return;
  const auto member = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) json.member(name, value);
  };
  const auto number = [&](std::string_view name, int value, int least) {
    if (value < least) return;
    json.key(name);
    json.number(std::int64_t{value});
  };
  json.key("identity");
  json.begin_object();
  member("boot", identity.boot);
  member("device", identity.device);
  member("job", identity.job);
  member("node", identity.node);
  member("policy_sha256", identity.policy_sha256);
  number("rank", identity.rank, 0);
  number("ranks", identity.ranks, 1);
  member("results", identity.results);
  member("seal_sha256", identity.seal_sha256);
  member("settings", identity.settings);
  json.end_object();
}

void write_judged(JsonWriter& json, const Report& report) {
  auto parts = report.judged.parts;
  std::ranges::sort(parts);
  json.key("judged");
  json.begin_object();
  json.key("parts");
  json.begin_object();
  for (const auto& [part, answer] : parts) json.member(part, answer);
  json.end_object();
  json.member("scope", report.judged.scope);
  json.end_object();
}

void write_stages(JsonWriter& json, const Report& report) {
  write_array(json, "stages", report.stages, [&](const Stage& stage) {
    json.begin_object();
    json.member("name", stage.name);
    json.member("seconds", stage.seconds);
    json.end_object();
  });
}

std::string written(const Report& report, JsonWriter json, bool with_digest = false) {
  const auto code = verdict(report);
  json.begin_object();
  write_counts(json, report);
  json.key("evidence");
  write(json, report.evidence);
  json.key("exit_code");
  json.number(static_cast<std::int64_t>(code));
  write_facts(json, report);
  write_array(json, "findings", report.findings, [&](const Finding& finding) { write(json, finding); });
  write_identity(json, report);
  write_judged(json, report);
  json.member("next", report.next);
  json.member("policy", report.policy);
  if (with_digest) json.member(k_own_digest, k_no_own_digest);
  json.member("schema", k_report_schema);
  write_stages(json, report);
  json.member("started", report.started);
  json.member("subject", report.subject);
  write_array(json, "subjects", report.subjects, [&](const Subject& subject) {
    json.begin_object();
    json.member("name", subject.name);
    json.member("role", subject.role);
    json.member("sha256", subject.sha256);
    json.end_object();
  });
  json.member("target", report.target);
  json.member("verb", report.verb);
  json.member("verdict", headline(code));
  json.member("version", report.version);
  json.end_object();
  return json.take();
}

}  // namespace

std::string render_json(const Report& report, const RenderOptions& /*options*/) { return written(report, JsonWriter()); }

std::string render_compact_json(const Report& report) {
  auto text = written(report, JsonWriter(JsonWriter::Form::compact), true);
  fill_own_digest(text);
  return text;
}

}  // namespace goldseal
