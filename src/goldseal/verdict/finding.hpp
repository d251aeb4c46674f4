// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace goldseal {

/// What one check says. `unknown`: it should have judged and could not. `skipped`: it does not apply here.
enum class Status { pass, warn, fail, unknown, skipped };

/// How grave a breach of a check's rule is; a policy decides. `required`: a breach fails, and so does being unable to
/// judge (exit code 3). `fail`: a breach fails, not being able to judge is reported. `integrity`: a breach is damage or
/// forgery (exit code 4).
enum class Severity { info, warn, fail, required, integrity };

[[nodiscard]] std::string_view to_string(Status status);
[[nodiscard]] std::string_view to_string(Severity severity);
[[nodiscard]] std::optional<Status> parse_status(std::string_view text);
[[nodiscard]] std::optional<Severity> parse_severity(std::string_view text);

/// A number that a check measured, with its limit.
struct Measurement {
  std::string name;
  double value = 0;
  std::optional<double> limit;
  std::string unit;  ///< empty for a ratio or a count
  friend bool operator==(const Measurement&, const Measurement&) = default;
};

/// Rows of text behind a finding: outputs, tensors, layers.
struct Table {
  std::string title;
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;  ///< each as long as `columns`
  std::size_t total = 0;                       ///< rows that there are, where `rows` holds some of them; else 0
  friend bool operator==(const Table&, const Table&) = default;
};

/// How many rows there are, shown or not.
[[nodiscard]] std::size_t row_count(const Table& table);

/// `tensors that differ`, and where not all rows are shown `tensors that differ (10 of 32)`.
[[nodiscard]] std::string titled(const Table& table, std::size_t shown);

/// One check's verdict.
struct Finding {
  std::string id;  ///< of the check, `golden.float64`; `goldseal explain` knows it
  Status status = Status::pass;
  Severity severity = Severity::fail;
  std::string message;   ///< one sentence
  std::string expected;  ///< what the seal or the rule says
  std::string actual;    ///< what was found
  std::string remedy;    ///< what to do; empty on a pass
  std::string origin;    ///< where in the seal or on the machine the facts come from
  std::string target;    ///< in a report on several machines, the one that it is of; else empty
  std::vector<Measurement> measurements;
  std::vector<Table> tables;
  double seconds = 0;
  bool lenient = false;  ///< while checks run: a breach that only warns here, unless the user's policy says how grave it is
  bool explained = false;  ///< of a check of integrity: something else than damage may have done it, so that it fails
                           ///< as others do (not in the report's file, where `severity` says what came of it)
  friend bool operator==(const Finding&, const Finding&) = default;
};

}  // namespace goldseal
