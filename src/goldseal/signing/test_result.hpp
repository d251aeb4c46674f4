// SPDX-License-Identifier: Apache-2.0
// A verdict can be told to machines that were not there: an in-toto statement of a test's result, in the same kind of
// bundle as a model's signature. This file reads and writes the statement; what makes a verdict is left to reports.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace goldseal::signing {

inline constexpr std::string_view k_test_result = "https://in-toto.io/attestation/test-result/v0.1";
inline constexpr std::string_view k_cyclonedx = "https://cyclonedx.org/bom";

/// Something by its content, in-toto's resource descriptor.
struct Described {
  std::string name;
  std::string sha256;  ///< hexadecimal
  std::map<std::string, std::string> annotations = {};
};

struct TestResult {
  std::vector<Described> subjects;       ///< what was tested
  std::string result;                    ///< `PASSED`, `WARNED`, `FAILED`
  std::vector<Described> configuration;  ///< under what
  std::vector<std::string> passed;
  std::vector<std::string> warned;
  std::vector<std::string> failed;
};

/// As JSON; the same result gives the same bytes.
[[nodiscard]] std::string write_test_result(const TestResult& result);

/// Throws Error{malformed} for what is no such statement, Error{unsupported} for another predicate, with its name.
[[nodiscard]] TestResult read_test_result(std::string_view payload, const std::string& where);

/// A statement that a bill of materials, a JSON text, is of these subjects.
[[nodiscard]] std::string write_bom_statement(const std::vector<Described>& subjects, std::string_view bom,
                                              const std::string& where);

}  // namespace goldseal::signing
