// SPDX-License-Identifier: Apache-2.0
// A report that was written as JSON, read back. It may come from another machine, so that every member is checked.
#include <goldseal/report/renderer.hpp>

#include <goldseal/base/text.hpp>
#include <goldseal/report/json_report.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <charconv>
#include <limits>

namespace goldseal {
namespace {

using nlohmann::json;

constexpr int k_depth = 16;  // a report needs seven

// A value with its place in the file, so that what is wrong with it can be said. Absent members read as their default:
// they were added after the report was written.
class Node {
 public:
  Node(const json& value, const std::string& file, std::string pointer)
      : m_value(value), m_file(file), m_pointer(std::move(pointer)) {}

  [[noreturn]] void fail(std::string_view message) const {
    throw Error(ErrorKind::malformed, fmt::format("{} at {}", m_file, m_pointer.empty() ? "/" : m_pointer),
                escape_unprintable(message), "render the report again with `--report json=PATH`, and copy it whole");
  }

  [[nodiscard]] bool has(const char* name) const { return object().contains(name); }
  [[nodiscard]] Node at(const char* name) const {
    const auto found = object().find(name);
    if (found == object().end()) fail(fmt::format("`{}` is missing", name));
    return {*found, m_file, fmt::format("{}/{}", m_pointer, name)};
  }

  [[nodiscard]] std::string text() const {
    if (!m_value.is_string()) fail(fmt::format("a string is expected, found {}", m_value.type_name()));
    return m_value.get<std::string>();
  }
  [[nodiscard]] double number() const {
    constexpr auto k_infinity = std::numeric_limits<double>::infinity();
    if (m_value.is_number()) return m_value.get<double>();
    if (m_value == "inf") return k_infinity;
    if (m_value == "-inf") return -k_infinity;
    if (m_value == "nan") return std::numeric_limits<double>::quiet_NaN();
    fail(fmt::format("a number is expected, found {}", m_value.type_name()));
  }
  template <typename Integer>
  [[nodiscard]] Integer integer() const {
    const bool fits =
        std::is_unsigned_v<Integer>
            ? m_value.is_number_unsigned()
            : m_value.is_number_integer() && (!m_value.is_number_unsigned() ||
                                              m_value.get<std::uint64_t>() <= std::numeric_limits<std::int64_t>::max());
    if (!fits) fail("a whole number is expected");
    return m_value.get<Integer>();
  }
  [[nodiscard]] bool is_null() const { return m_value.is_null(); }

  [[nodiscard]] std::string text(const char* name) const { return has(name) ? at(name).text() : std::string{}; }
  [[nodiscard]] double number(const char* name) const { return has(name) ? at(name).number() : 0; }

  // Each element of the array `name`, through `read`.
  template <typename Function>
  [[nodiscard]] auto list(const char* name, Function&& read) const {
    std::vector<decltype(read(*this))> result;
    if (has(name)) result = at(name).elements(read);
    return result;
  }
  template <typename Function>
  [[nodiscard]] auto elements(Function&& read) const {
    if (!m_value.is_array()) fail(fmt::format("an array is expected, found {}", m_value.type_name()));
    std::vector<decltype(read(*this))> result;
    result.reserve(m_value.size());
    for (std::size_t i = 0; i < m_value.size(); ++i)
      result.push_back(read(Node(m_value[i], m_file, fmt::format("{}/{}", m_pointer, i))));
    return result;
  }

  // One of the words that `parse` knows.
  template <typename Function>
  [[nodiscard]] auto word(const char* name, Function&& parse) const {
    const auto node = at(name);
    const auto value = parse(node.text());
    if (!value) node.fail(fmt::format("`{}` is not a {}", node.text(), name));
    return *value;
  }

 private:
  [[nodiscard]] const json& object() const {
    if (!m_value.is_object()) fail(fmt::format("an object is expected, found {}", m_value.type_name()));
    return m_value;
  }

  const json& m_value;
  const std::string& m_file;
  std::string m_pointer;
};

std::string text_of(const Node& node) { return node.text(); }

Measurement measurement(const Node& node) {
  Measurement result{node.text("name"), node.number("value"), std::nullopt, node.text("unit")};
  if (node.has("limit") && !node.at("limit").is_null()) result.limit = node.at("limit").number();
  return result;
}

Table table(const Node& node) {
  Table result{node.text("title"), node.list("columns", text_of), {}};
  result.rows = node.list("rows", [&](const Node& row) {
    auto cells = row.elements(text_of);
    if (cells.size() != result.columns.size())
      row.fail(fmt::format("{} cells in a table of {} columns", cells.size(), result.columns.size()));
    return cells;
  });
  return result;
}

Finding finding(const Node& node) {
  Finding result;
  result.id = node.at("id").text();
  result.status = node.word("status", parse_status);
  result.severity = node.word("severity", parse_severity);
  result.message = node.text("message");
  result.expected = node.text("expected");
  result.actual = node.text("actual");
  result.remedy = node.text("remedy");
  result.origin = node.text("origin");
  result.measurements = node.list("measurements", measurement);
  result.tables = node.list("tables", table);
  result.seconds = node.number("seconds");
  return result;
}

EnvironmentRow environment_row(const Node& node) {
  return {node.at("name").text(), node.text("sealed"), node.text("found"), node.word("status", parse_status)};
}

TensorRow tensor_row(const Node& node) {
  return {node.at("name").text(), node.text("dtype"),
          node.list("shape", [](const Node& size) { return size.integer<std::int64_t>(); }),
          node.word("state", parse_tensor_state), node.text("note")};
}

ErrorBin error_bin(const Node& node) {
  return {node.at("decade").integer<std::int64_t>(), node.at("count").integer<std::uint64_t>()};
}

OutputError output_error(const Node& node) {
  return {node.text("golden"),
          node.text("output"),
          node.text("run"),
          node.at("ratio").number(),
          node.number("limit"),
          node.text("remark"),
          node.list("distribution", error_bin),
          node.number("worst"),
          node.number("worst_limit")};
}

LayerError layer_error(const Node& node) {
  return {node.text("golden"),  node.text("name"), node.at("ratio").number(),
          node.number("limit"), node.text("op"),   node.text("run")};
}

Picture picture(const Node& node) { return {node.text("title"), node.text("media_type"), node.text("base64")}; }

Evidence evidence(const Node& node) {
  return {node.list("environment", environment_row), node.list("tensors", tensor_row),
          node.list("outputs", output_error), node.list("layers", layer_error), node.list("pictures", picture)};
}

void check_schema(const Node& root, const std::string& where) {
  const auto schema = root.at("schema").text();
  int version = 0;
  const auto* const end = schema.data() + schema.size();
  if (!schema.starts_with(k_report_schema_prefix) ||
      std::from_chars(schema.data() + k_report_schema_prefix.size(), end, version).ptr != end || version < 1)
    root.at("schema").fail(fmt::format("`{}` is expected, found `{}`", k_report_schema, schema));
  if (version > k_report_schema_version)
    throw Error(ErrorKind::unsupported, where,
                fmt::format("the report's schema is {}, this goldseal reads up to {}", escape_unprintable(schema),
                            k_report_schema),
                "read it with the goldseal that wrote it, or a later one");
}

// The verdict is derived from the findings; one that was written differs only where the file was edited or cut.
void check_verdict(const Node& root, const Report& report) {
  if (!root.has("verdict")) return;
  const auto written = root.at("verdict").text();
  const auto derived = headline(verdict(report));
  if (written != derived)
    root.at("verdict").fail(fmt::format("the findings say {}, the report says {}", derived, written));
}

json parse_json(std::string_view text, const std::string& where) {
  const auto shallow = [&](int depth, json::parse_event_t /*event*/, json& /*parsed*/) {
    if (depth > k_depth) throw Error(ErrorKind::malformed, where, fmt::format("nested more than {} deep", k_depth));
    return true;
  };
  try {
    return json::parse(text, shallow);
  } catch (const json::exception& e) {
    throw Error(ErrorKind::malformed, where, fmt::format("not JSON: {}", escape_unprintable(e.what())),
                "give the file that `--report json=PATH` wrote");
  }
}

}  // namespace

Report parse_report(std::string_view json_text, const std::string& where) {
  const auto document = parse_json(json_text, where);
  const Node root(document, where, "");
  check_schema(root, where);
  Report report;
  report.verb = root.text("verb");
  report.subject = root.text("subject");
  report.target = root.text("target");
  report.policy = root.text("policy");
  report.version = root.text("version");
  report.started = root.text("started");
  report.next = root.text("next");
  report.facts = root.list("facts", [](const Node& node) { return std::pair(node.text("name"), node.text("value")); });
  report.stages = root.list("stages", [](const Node& node) {
    return Stage{node.text("name"), node.number("seconds")};
  });
  report.findings = root.at("findings").elements(finding);
  if (root.has("evidence")) report.evidence = evidence(root.at("evidence"));
  check_verdict(root, report);
  return report;
}

}  // namespace goldseal
