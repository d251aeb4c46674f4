// SPDX-License-Identifier: Apache-2.0
// A report that was written as JSON, read back. It may come from another machine, so that every member is checked.
#include <goldseal/report/renderer.hpp>

#include <goldseal/base/bytes/own_digest.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/report/json_report.hpp>
#include <goldseal/report/reading/json_reader.hpp>

#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <type_traits>

namespace goldseal {
namespace {

constexpr int k_depth = 16;  // a report needs seven
constexpr double k_most_rows = 1e9;

// A value with its place in the file, so that what is wrong with it can be said. Absent members read as their default:
// they were added after the report was written.
class Node {
 public:
  Node(const JsonDocument& document, const std::string& file) : m_document(document), m_file(file) {}

  [[noreturn]] void fail(std::string_view message) const {
    const auto place = pointer();
    throw Error(ErrorKind::malformed, fmt::format("{} at {}", m_file, place.empty() ? "/" : place),
                escape_unprintable(message), "render the report again with `--report json=PATH`, and copy it whole");
  }

  [[nodiscard]] bool has(const char* name) const { return member(name) != 0; }
  [[nodiscard]] Node at(const char* name) const {
    const auto found = member(name);
    if (found == 0) fail(fmt::format("`{}` is missing", name));
    return Node(*this, found, name);
  }

  [[nodiscard]] std::string text() const {
    if (value().kind != JsonKind::string) fail_as("a string");
    return std::string(m_document.words(value()));
  }
  [[nodiscard]] double number() const {
    constexpr auto k_infinity = std::numeric_limits<double>::infinity();
    if (value().kind == JsonKind::number) return parsed<double>("a number that a double can hold");
    if (m_document.is(value(), "inf")) return k_infinity;
    if (m_document.is(value(), "-inf")) return -k_infinity;
    if (m_document.is(value(), "nan")) return std::numeric_limits<double>::quiet_NaN();
    fail_as("a number");
  }
  template <typename Integer>
  [[nodiscard]] Integer integer() const {
    if (value().kind != JsonKind::number) fail_as("a whole number");
    return parsed<Integer>("a whole number");
  }
  [[nodiscard]] bool is_null() const { return value().kind == JsonKind::null; }

  [[nodiscard]] std::string text(const char* name) const {
    const auto found = member(name);
    return found == 0 ? std::string{} : Node(*this, found, name).text();
  }
  [[nodiscard]] double number(const char* name) const {
    const auto found = member(name);
    return found == 0 ? 0 : Node(*this, found, name).number();
  }

  // Each element of the array `name`, through `read`.
  template <typename Function>
  [[nodiscard]] auto list(const char* name, Function&& read) const {
    std::vector<decltype(read(*this))> result;
    if (const auto found = member(name); found != 0) result = Node(*this, found, name).elements(read);
    return result;
  }
  template <typename Function>
  [[nodiscard]] auto elements(Function&& read) const {
    if (value().kind != JsonKind::array) fail_as("an array");
    std::vector<decltype(read(*this))> result;
    result.reserve(value().size);
    for (auto i = m_index + 1; i < value().next; i = m_document[i].next)
      result.push_back(read(Node(*this, i, nullptr, result.size())));
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
  Node(const Node& parent, std::uint32_t index, const char* name, std::size_t place = 0)
      : m_document(parent.m_document),
        m_file(parent.m_file),
        m_parent(&parent),
        m_index(index),
        m_name(name),
        m_place(place) {}

  [[nodiscard]] const JsonValue& value() const { return m_document[m_index]; }
  [[noreturn]] void fail_as(std::string_view expected) const {
    fail(fmt::format("{} is expected, found {}", expected, to_string(value().kind)));
  }

  [[nodiscard]] std::uint32_t member(const char* name) const {
    if (value().kind != JsonKind::object) fail_as("an object");
    const auto found = m_document.member(m_index, name);
    // Readers differ in which of two counts, and so would their verdicts.
    if (found != 0 && m_document.member(m_index, name, found) != 0) fail(fmt::format("`{}` stands twice", name));
    return found;
  }

  template <typename Number>
  [[nodiscard]] Number parsed(std::string_view expected) const {
    const auto text = m_document.words(value());
    const auto* const end = text.data() + text.size();
    Number number{};
    const auto result = std::from_chars(text.data(), end, number);
    if (result.ec != std::errc() || result.ptr != end) fail(fmt::format("{} is expected, found {}", expected, text));
    return number;
  }

  // Made when something is wrong, not for each value.
  [[nodiscard]] std::string pointer() const {
    if (m_parent == nullptr) return {};
    return m_parent->pointer() + (m_name == nullptr ? fmt::format("/{}", m_place) : fmt::format("/{}", m_name));
  }

  const JsonDocument& m_document;
  const std::string& m_file;
  const Node* m_parent = nullptr;  // lives as long as what is read of it
  std::uint32_t m_index = 0;
  const char* m_name = nullptr;
  std::size_t m_place = 0;
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
  // Reports of 0.1.0 tell none.
  const auto total = node.has("total") ? node.number("total") : 0;
  if (total > static_cast<double>(result.rows.size()) && total < k_most_rows) result.total = static_cast<std::size_t>(total);
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
  result.target = node.text("target");
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

OutputDigest output_digest(const Node& node) { return {node.text("name"), node.text("sha256"), node.text("sealed")}; }

RunDigest run_digest(const Node& node) {
  return {node.text("golden"), node.text("device"), node.text("gpu"),
          node.text("run"),    node.text("inputs"), node.list("outputs", output_digest)};
}

Identity identity(const Node& node) {
  Identity result{node.text("node"),     node.text("seal_sha256"), node.text("policy_sha256"), node.text("device"),
                  node.text("settings"), node.text("job"),         node.text("boot"),          node.text("results"),
                  -1,                    0};
  if (node.has("rank")) result.rank = node.at("rank").integer<int>();
  if (node.has("ranks")) result.ranks = node.at("ranks").integer<int>();
  return result;
}

Evidence evidence(const Node& node) {
  return {node.list("environment", environment_row), node.list("tensors", tensor_row),
          node.list("outputs", output_error), node.list("layers", layer_error), node.list("pictures", picture),
          node.list("runs", run_digest)};
}

Judged judged(const Node& node) {
  Judged result{node.text("scope"), {}};
  if (!node.has("parts")) return result;
  const auto parts = node.at("parts");
  for (const auto* const part : {"weights", "numerics", "program", "code", "configuration"})
    if (parts.has(part)) result.parts.emplace_back(part, parts.text(part));
  return result;
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

Report parse(std::string_view json_text, const std::string& where) {
  if (judge_own_digest(json_text) == OwnDigest::wrong)
    throw Error(ErrorKind::malformed, where, "expected the report that was written, found one with other bytes: its own digest "
                "(report_sha256) is not that of its text", "copy it again from the machine that wrote it");
  const JsonDocument document(json_text, where, k_depth);
  const Node root(document, where);
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
  report.subjects = root.list("subjects", [](const Node& node) {
    return Subject{node.text("role"), node.text("name"), node.text("sha256")};
  });
  if (root.has("judged")) report.judged = judged(root.at("judged"));
  if (root.has("identity")) report.identity = identity(root.at("identity"));
  if (root.has("evidence")) report.evidence = evidence(root.at("evidence"));
  check_verdict(root, report);
  return report;
}

// One that was cut short lacks its schema, which stands near the end, and begins as all that goldseal writes do.
bool says_that_it_is_a_report(std::string_view json_text) {
  constexpr std::size_t k_beginning = 256;
  return json_text.find(k_report_schema_prefix) != std::string_view::npos ||
         json_text.substr(0, k_beginning).find("\"evidence\"") != std::string_view::npos;
}

}  // namespace

Report parse_report(std::string_view json_text, const std::string& where) {
  try {
    return parse(json_text, where);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::malformed || says_that_it_is_a_report(json_text)) throw;
    // Another file was named, and none was damaged.
    throw Error(ErrorKind::usage, error.where(), error.message(), "give the file that `--report json=PATH` wrote");
  }
}

}  // namespace goldseal
