// SPDX-License-Identifier: Apache-2.0
#include "approve.hpp"
#include "report/samples.hpp"

#include <goldseal/base/messages/text.hpp>
#include <goldseal/report/reading/json_reader.hpp>
#include <goldseal/report/renderer.hpp>

#include <nlohmann/json.hpp>

#include <cmath>

namespace goldseal {
namespace {

using namespace test;

std::string to_json(const Report& report) { return find_renderer("json")->render(report, {}); }

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

ErrorKind kind_of_refusal(const std::string& json) {
  try {
    (void)parse_report(json, "run.json");
  } catch (const Error& error) {
    CHECK(error.where().find("run.json") == 0);
    return error.kind();
  }
  FAIL("accepted");
  return ErrorKind::usage;
}

TEST_CASE("a report survives JSON exactly") {
  for (const auto& [name, report] : samples()) {
    INFO(name);
    CHECK(parse_report(to_json(report), "run.json") == report);
  }
  auto report = numeric_failure();
  report.findings[0].measurements = {{"third", 1.0 / 3.0, 5e-324, "µs"}, {"inf", -INFINITY, INFINITY, ""}};
  report.evidence.pictures = {{"golden", "image/png", "iVBORw0KGgo="}};
  report.subject = "a\n\x1b\"\\/é重";
  report.subjects = {{"seal", "a.seal", "00"}, {"checkpoint", "é.pth", "11"}};
  CHECK(parse_report(to_json(report), "run.json") == report);
}

TEST_CASE("JSON of a report with text that is not UTF-8 is valid and stable") {
  const auto once = to_json(hostile_report());
  CHECK(to_json(parse_report(once, "run.json")) == once);
}

TEST_CASE("JSON and SARIF are to the byte what a JSON library writes of them, keys sorted") {
  auto all = samples();
  all.push_back({"hostile", hostile_report()});
  all.push_back({"large", large_report(50)});
  for (auto& [name, report] : all) {
    report.next = "\x01\x1f\x7f\b\f\n\r\t\"\\/ é 重 \xf0\x9f\x94\x92";
    report.findings.front().seconds = 1.25e-7;
    report.findings.front().message = "é\t";
    for (const auto* format : {"json", "sarif"}) {
      const auto text = find_renderer(format)->render(report, {});
      INFO(name << " " << format);
      CHECK(text == nlohmann::json::parse(text).dump(2, ' ', true) + "\n");
    }
  }
}

TEST_CASE("JSON is as approved") {
  auto report = environment_failure();
  report.evidence.environment.resize(3);
  approve(to_json(report), "report/environment.json");
}

TEST_CASE("a newer schema is refused as unsupported, a broken report as malformed, another document as a slip") {
  const auto json = to_json(passing_report());
  CHECK(kind_of_refusal(replaced(json, "goldseal.report/1", "goldseal.report/2")) == ErrorKind::unsupported);
  CHECK(kind_of_refusal(replaced(json, "goldseal.report/1", "goldseal.report/x")) == ErrorKind::malformed);
  CHECK(kind_of_refusal(replaced(json, "goldseal.report/1", "sarif")) == ErrorKind::malformed);
  CHECK(kind_of_refusal(R"({"version": "2.1.0", "runs": []})") == ErrorKind::usage);
  CHECK(kind_of_refusal("{}") == ErrorKind::usage);
  CHECK(kind_of_refusal("[1]") == ErrorKind::usage);
  CHECK(kind_of_refusal("") == ErrorKind::usage);
  CHECK(kind_of_refusal(json.substr(0, json.size() / 2)) == ErrorKind::malformed);
  CHECK(kind_of_refusal(json + '\0') == ErrorKind::malformed);
  CHECK(kind_of_refusal(json + '\0' + "{}") == ErrorKind::malformed);
  CHECK(kind_of_refusal(std::string(100'000, '[')) == ErrorKind::usage);
}

TEST_CASE("members of the wrong type, unknown words and ragged tables are refused with their place") {
  const auto json = to_json(environment_failure());
  CHECK(kind_of_refusal(replaced(json, R"("status": "pass")", R"("status": "fine")")) == ErrorKind::malformed);
  CHECK(kind_of_refusal(replaced(json, R"("subject": "yolov3.seal")", R"("subject": 1)")) == ErrorKind::malformed);
  CHECK(kind_of_refusal(replaced(json, R"("15.0")", R"("15.0", "")")) == ErrorKind::malformed);
  CHECK_THROWS_WITH(parse_report(replaced(json, R"("id": "seal.digest",)", ""), "run.json"),
                    Catch::Matchers::Contains("/findings/0") && Catch::Matchers::Contains("`id` is missing"));
}

TEST_CASE("a report whose verdict its findings do not bear out is refused") {
  const auto json = to_json(environment_failure());
  CHECK(kind_of_refusal(replaced(json, R"("verdict": "FAIL")", R"("verdict": "PASS")")) == ErrorKind::malformed);
}

TEST_CASE("a report with any byte changed, or cut anywhere, is read or refused as an Error") {
  auto report = key_failure();
  report.evidence.tensors.resize(3);
  const auto json = to_json(report);
  std::uint32_t state = 7;
  const auto next = [&](std::size_t limit) {
    state = state * 1664525U + 1013904223U;
    return static_cast<std::size_t>(state >> 8U) % limit;
  };
  constexpr std::string_view k_bytes = "\"{}[]:,0-9eE\\ \xff\x1b";
  std::size_t refused = 0;
  for (int i = 0; i < 600; ++i) {
    auto mutated = json;
    mutated[next(mutated.size())] = k_bytes[next(k_bytes.size())];
    if (i % 3 == 0) mutated.resize(next(mutated.size()));
    try {
      (void)parse_report(mutated, "run.json");
    } catch (const Error& error) {
      ++refused;
      CHECK(escape_unprintable(error.message()) == error.message());
    }
  }
  CHECK(refused > 200);
}

TEST_CASE("a document keeps the order, the words and the extent of its values") {
  const JsonDocument document(R"({"a":[1,-2.5e3,"\u00e9\n"],"b":{"c":null,"d":true},"a":"inf"})", "text", 3);
  CHECK(document[0].kind == JsonKind::object);
  CHECK(document[0].size == 3);
  const auto list = document.member(0, "a");  // the first of two
  REQUIRE(document[list].kind == JsonKind::array);
  CHECK(document[list].size == 3);
  CHECK(document.words(document[list + 1]) == "1");
  CHECK(document.words(document[list + 2]) == "-2.5e3");
  CHECK(document.is(document[list + 3], "é\n"));
  const auto object = document.member(0, "b");
  CHECK(document[object].size == 2);
  CHECK(document[document.member(object, "c")].kind == JsonKind::null);
  CHECK(document[document.member(object, "d")].kind == JsonKind::boolean);
  CHECK(document.member(object, "a") == 0);
  const auto again = document.member(0, "a", list);
  CHECK(document.words(document[again]) == "inf");
  CHECK(document.member(0, "a", again) == 0);
  CHECK(document[object].next == object + 5);
}

TEST_CASE("what is no JSON is refused with line and column") {
  CHECK_THROWS_WITH(JsonDocument("{\n  \"a\": [1, x]\n}", "run.json", 16),
                    Catch::Matchers::Contains("run.json:2:12") && Catch::Matchers::Contains("not JSON: ") &&
                        Catch::Matchers::Contains("x"));
  CHECK_THROWS_WITH(JsonDocument("{\"a\": 1", "run.json", 16), Catch::Matchers::Contains("unexpected end of input"));
  CHECK_THROWS_WITH(JsonDocument("[] []", "run.json", 16), Catch::Matchers::Contains("run.json:1:4"));
  CHECK_THROWS_WITH(JsonDocument("\"\xff\"", "run.json", 16), Catch::Matchers::Contains("UTF-8"));
  CHECK_THROWS_WITH(JsonDocument("1e999", "run.json", 16), Catch::Matchers::Contains("run.json:1"));
  CHECK_THROWS_WITH(JsonDocument("[[[1]]]", "run.json", 2), Catch::Matchers::Contains("nested more than 2 deep"));
}

TEST_CASE("a report that says a thing twice is refused: readers differ in which of the two counts") {
  CHECK_THROWS_WITH(parse_report(R"({"schema":"goldseal.report/1","findings":[],"findings":[{"id":"a"}]})", "twice"),
                    Catch::Matchers::Contains("`findings` stands twice"));
  CHECK_THROWS_WITH(parse_report(R"({"schema":"goldseal.report/1","findings":[
                      {"id":"a","status":"pass","status":"fail","severity":"fail"}]})",
                                 "twice"),
                    Catch::Matchers::Contains("`status` stands twice") && Catch::Matchers::Contains("/findings/0"));
}

TEST_CASE("a report written before a member existed still reads") {
  const auto report = parse_report(
      R"({"schema":"goldseal.report/1","later":1,"findings":[{"id":"a","status":"warn","severity":"fail"}]})", "old");
  REQUIRE(report.findings.size() == 1);
  CHECK(report.findings[0].id == "a");
  CHECK(report.evidence == Evidence{});
}

}  // namespace
}  // namespace goldseal
