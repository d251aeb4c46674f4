// SPDX-License-Identifier: Apache-2.0
#include <goldseal/signing/test_result.hpp>

#include <goldseal/base/bytes/bounded_json.hpp>
#include <goldseal/base/bytes/sha256.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/signing/json_fields.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace goldseal::signing {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view k_statement_type = "https://in-toto.io/Statement/v1";
constexpr JsonLimits k_limits{16U << 20U, 32};
constexpr const char* k_bom_seal_root = "goldseal:seal.root";  // as bom_writer has it
constexpr const char* k_remedy = "have the verdict attested again: `goldseal attest RUN.json`";

ordered_json statement(const std::vector<Described>& subjects, std::string_view predicate_type) {
  ordered_json document;
  document["_type"] = k_statement_type;
  document["subject"] = ordered_json::array();
  for (const auto& subject : subjects) {
    ordered_json entry;
    entry["name"] = subject.name;
    entry["digest"]["sha256"] = subject.sha256;
    document["subject"].push_back(std::move(entry));
  }
  document["predicateType"] = predicate_type;
  return document;
}

class TestResultReader : JsonFields {
 public:
  explicit TestResultReader(const std::string& where) : JsonFields(where + ": the signed statement", k_remedy) {}

  TestResult read(const json& document) const {
    if (const auto type = text(document, "", "_type"); type != k_statement_type)
      refuse(fmt::format("_type: expected {}, found {}", k_statement_type, shown(type)));
    if (const auto type = text(document, "", "predicateType"); type != k_test_result)
      decline(fmt::format("predicateType: expected {}, a verdict; found {}", k_test_result, shown(type)));
    const auto& predicate = object(document, "", "predicate");
    TestResult result;
    result.subjects = described(document, "", "subject");
    result.result = text(predicate, "predicate.", "result");
    if (result.result != "PASSED" && result.result != "WARNED" && result.result != "FAILED")
      refuse(fmt::format("predicate.result: expected PASSED, WARNED or FAILED, found {}", shown(result.result)));
    result.configuration = described(predicate, "predicate.", "configuration");
    result.passed = texts_or_empty(predicate, "predicate.", "passedTests");
    result.warned = texts_or_empty(predicate, "predicate.", "warnedTests");
    result.failed = texts_or_empty(predicate, "predicate.", "failedTests");
    return result;
  }

 private:
  std::vector<Described> described(const json& value, const std::string& path, const char* name) const {
    std::vector<Described> result;
    for (const auto& item : array(value, path, name))
      result.push_back(read_described(item, fmt::format("{}{}[{}].", path, name, result.size())));
    return result;
  }

  Described read_described(const json& item, const std::string& path) const {
    const auto& digest = object(item, path, "digest");
    Described entry{item.contains("name") ? text(item, path, "name") : std::string(), text(digest, path + "digest.", "sha256")};
    if (!parse_digest(entry.sha256))
      refuse(fmt::format("{}digest.sha256: expected 64 lower-case hexadecimal digits, found {}", path, shown(entry.sha256)));
    if (!item.contains("annotations")) return entry;
    for (const auto& [key, note] : object(item, path, "annotations").items())
      if (note.is_string()) entry.annotations.emplace(key, note.template get<std::string>());
    return entry;
  }
};

// The digest that a bill of materials by goldseal has of its seal, wherever it stands.
const std::string* sealed_root(const json& value) {
  if (value.is_object() && value.contains("name") && value["name"] == k_bom_seal_root && value.contains("value") && value["value"].is_string())
    return value["value"].get_ptr<const std::string*>();
  if (!value.is_structured()) return nullptr;
  for (const auto& inner : value)
    if (const auto* const found = sealed_root(inner)) return found;
  return nullptr;
}

// What is signed as a bill of materials of these subjects is one, and not of another seal. One of another tool's names no seal.
void require_bom_of(const std::vector<Described>& subjects, const json& bom, const std::string& where) {
  if (!bom.is_object() || bom.value("bomFormat", json()) != "CycloneDX")
    throw Error(ErrorKind::usage, where, "expected a bill of materials (bomFormat CycloneDX), found other JSON", "write it with `goldseal bom`");
  const auto* const root = sealed_root(bom);
  if (root == nullptr || std::ranges::find(subjects, *root, &Described::sha256) != subjects.end()) return;
  throw Error(ErrorKind::usage, where, "expected the bill of materials of the seal that the report is on, found that of another seal",
              "write it with `goldseal bom SEAL` for the seal that was verified");
}

std::string dumped(const ordered_json& document) {
  return document.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace

std::string write_test_result(const TestResult& result) {
  auto document = statement(result.subjects, k_test_result);
  auto& predicate = document["predicate"];
  predicate["result"] = result.result;
  predicate["configuration"] = ordered_json::array();
  for (const auto& part : result.configuration) {
    ordered_json entry;
    entry["name"] = part.name;
    entry["digest"]["sha256"] = part.sha256;
    for (const auto& [key, value] : part.annotations) entry["annotations"][key] = value;
    predicate["configuration"].push_back(std::move(entry));
  }
  predicate["passedTests"] = result.passed;
  predicate["warnedTests"] = result.warned;
  predicate["failedTests"] = result.failed;
  return dumped(document);
}

TestResult read_test_result(std::string_view payload, const std::string& where) {
  return TestResultReader(where).read(parse_json(payload, where + ": the signed statement", k_limits, k_remedy));
}

std::string write_bom_statement(const std::vector<Described>& subjects, std::string_view bom, const std::string& where) {
  auto document = statement(subjects, k_cyclonedx);
  const auto predicate = parse_json(bom, where, k_limits, "write it with `goldseal bom`");
  require_bom_of(subjects, predicate, where);
  document["predicate"] = ordered_json(predicate);
  return dumped(document);
}

}  // namespace goldseal::signing
