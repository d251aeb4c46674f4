// SPDX-License-Identifier: Apache-2.0
// A report's findings, and the verdict that follows from them. The verdict is derived anew, since a report may have
// been edited.
#pragma once

#include <goldseal/fleet/reading/node_report.hpp>
#include <goldseal/fleet/reading/report_texts.hpp>

#include <string>
#include <string_view>

namespace goldseal::fleet {

/// Reads `findings` into a report. Throws Error{malformed} where they break a rule of reports.
class FindingsReader {
 public:
  FindingsReader(JsonCursor& json, ReportTexts& texts, NodeReport& report)
      : m_json(json), m_texts(texts), m_report(report) {}

  void read();
  /// Sets the report's exit code, once its findings were read. Throws Error{malformed} where `written`, the verdict
  /// that the report states, is another; empty where it states none.
  void settle_verdict(std::string_view written);

 private:
  template <typename Parse>
  auto word(Parse&& parse);
  void add_finding(Note note, std::string& packed);

  JsonCursor& m_json;
  ReportTexts& m_texts;
  NodeReport& m_report;
  std::string m_message;
  std::string m_remedy;
  bool m_passed = false;
  bool m_damaged = false;
  bool m_failed = false;
  bool m_undecided = false;
};

}  // namespace goldseal::fleet
