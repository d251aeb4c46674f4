// SPDX-License-Identifier: Apache-2.0
// A report's evidence: the facts of the machine, how far each output was from float64, and what each run gave, as
// digests.
#pragma once

#include <goldseal/fleet/reading/node_report.hpp>
#include <goldseal/fleet/reading/report_texts.hpp>

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace goldseal::fleet {

/// Reads `evidence` into a report. Throws Error{malformed} where it breaks a rule of reports.
class EvidenceReader {
 public:
  EvidenceReader(JsonCursor& json, ReportTexts& texts, NodeReport& report)
      : m_json(json), m_texts(texts), m_report(report) {}

  void read();
  /// Gives each run its error and each GPU its facts, once all of the evidence was read: they stand in tables of their
  /// own.
  void match_outputs();

 private:
  struct OutputError {
    std::string golden;
    bool float64 = false;
    double ratio = 0;
  };

  void read_environment();
  void note_uuid(std::string_view name, std::string_view value);
  void read_output_errors();
  void read_runs();
  void read_run_member(std::string_view member, CaseRun& run, Unit& where, Members& members);
  [[nodiscard]] RunKind run_kind(std::string_view word) const;
  void read_outputs(CaseRun& run);
  [[nodiscard]] Id labelled(Id golden, Id device);

  JsonCursor& m_json;
  ReportTexts& m_texts;
  NodeReport& m_report;
  std::array<std::string, 3> m_row;
  std::vector<std::pair<Id, Id>> m_uuids;
  std::vector<OutputError> m_errors;
  std::vector<std::pair<Id, OutputError>> m_ratios;
};

}  // namespace goldseal::fleet
