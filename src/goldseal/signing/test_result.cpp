// SPDX-License-Identifier: Apache-2.0
#include <goldseal/signing/test_result.hpp>

#include <goldseal/base/bytes/bounded_json.hpp>
#include <goldseal/base/bytes/sha256.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace goldseal::signing {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view k_statement_type = "https://in-toto.io/Statement/v1";
constexpr JsonLimits k_limits{16U << 20U, 32};
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

class Reader {
 public:
  explicit Reader(const std::string& where) : m_where(where + ": the signed statement") {}

  TestResult read(const json& document) const {
    if (text(document, "_type") != k_statement_type)
      refuse(fmt::format("_type: expected {}, found another", k_statement_type));
    if (const auto type = text(document, "predicateType"); type != k_test_result)
      throw Error(ErrorKind::unsupported, m_where,
                  fmt::format("predicateType: expected {}, a verdict; found {}", k_test_result, escape_unprintable(bounded(type, 200))),
                  k_remedy);
    const auto& predicate = member(document, "predicate");
    TestResult result;
    result.subjects = described(document, "subject");
    result.result = text(predicate, "result");
    if (result.result != "PASSED" && result.result != "WARNED" && result.result != "FAILED")
      refuse(fmt::format("predicate.result: expected PASSED, WARNED or FAILED, found {}", escape_unprintable(bounded(result.result, 40))));
    result.configuration = described(predicate, "configuration");
    result.passed = texts(predicate, "passedTests");
    result.warned = texts(predicate, "warnedTests");
    result.failed = texts(predicate, "failedTests");
    return result;
  }

 private:
  [[noreturn]] void refuse(std::string message) const { throw Error(ErrorKind::malformed, m_where, std::move(message), k_remedy); }

  const json& member(const json& value, const char* name) const {
    if (!value.is_object() || !value.contains(name)) refuse(fmt::format("expected {}, found none", name));
    return value.at(name);
  }
  std::string text(const json& value, const char* name) const {
    const auto& found = member(value, name);
    if (!found.is_string()) refuse(fmt::format("{}: expected text", name));
    return found.get<std::string>();
  }
  std::vector<std::string> texts(const json& value, const char* name) const {
    std::vector<std::string> result;
    if (!value.contains(name)) return result;
    for (const auto& item : value.at(name)) {
      if (!item.is_string()) refuse(fmt::format("{}: expected a list of texts", name));
      result.push_back(item.get<std::string>());
    }
    return result;
  }
  std::vector<Described> described(const json& value, const char* name) const {
    const auto& list = member(value, name);
    if (!list.is_array()) refuse(fmt::format("{}: expected a list", name));
    std::vector<Described> result;
    for (const auto& item : list) {
      Described entry{item.is_object() && item.contains("name") ? text(item, "name") : std::string(), {}};
      entry.sha256 = text(member(item, "digest"), "sha256");
      if (!parse_digest(entry.sha256)) refuse(fmt::format("{}: expected a SHA-256 in lower-case hexadecimal digits", name));
      if (item.contains("annotations")) {
        if (!item.at("annotations").is_object()) refuse("annotations: expected an object");
        for (const auto& [key, note] : item.at("annotations").items())
          if (note.is_string()) entry.annotations.emplace(key, note.template get<std::string>());
      }
      result.push_back(std::move(entry));
    }
    return result;
  }

  std::string m_where;
};

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
  return Reader(where).read(parse_json(payload, where + ": the signed statement", k_limits, k_remedy));
}

std::string write_bom_statement(const std::vector<Described>& subjects, std::string_view bom, const std::string& where) {
  auto document = statement(subjects, k_cyclonedx);
  document["predicate"] = ordered_json(parse_json(bom, where, k_limits, "write it with `goldseal bom`"));
  return dumped(document);
}

}  // namespace goldseal::signing
