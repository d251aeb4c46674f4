// SPDX-License-Identifier: Apache-2.0
#include <goldseal/fleet/reading/findings_reader.hpp>

#include <goldseal/verdict/report.hpp>

#include <fmt/format.h>

namespace goldseal::fleet {
namespace {

constexpr std::size_t k_most_findings = 2'000;

}  // namespace

template <typename Parse>
auto FindingsReader::word(Parse&& parse) {
  const auto value = parse(m_json.text());
  if (!value) m_json.fail("a word that reports do not have");
  return *value;
}

void FindingsReader::read() {
  std::string packed;
  m_json.array([&] {
    Note note;
    bool judged = false;
    m_message.clear();  // a finding may say nothing
    m_remedy.clear();
    Members members(m_json);
    m_json.object([&](std::string_view member) {
      if (member == "id") {
        members.once(0);
        note.check = m_texts.next(k_longest_name);
      } else if (member == "status") {
        members.once(1);
        note.status = word(parse_status);
        judged = true;
      } else if (member == "severity") {
        members.once(2);
        note.severity = word(parse_severity);
      } else if (member == "message") {
        members.once(3);
        m_message.assign(m_json.text());
      } else if (member == "remedy") {
        members.once(4);
        m_remedy.assign(m_json.text());
      } else {
        m_json.skip();
      }
    });
    if (!judged || note.check == 0 || !members.has(2)) m_json.fail("a finding lacks its id, status or severity");
    if (packed.size() == k_most_findings * 2 * sizeof(Id)) m_json.fail("too many findings");
    add_finding(note, packed);
  });
  m_report.checks = m_texts.kept(packed);
}

void FindingsReader::add_finding(Note note, std::string& packed) {
  pack(packed, note.check, static_cast<Id>(note.status));
  m_passed = m_passed || note.status == Status::pass || note.status == Status::warn;
  const bool failed = note.status == Status::fail;
  const bool required = note.severity == Severity::required || note.severity == Severity::integrity;
  const bool undecided = note.status == Status::unknown && required;
  m_damaged = m_damaged || (failed && note.severity == Severity::integrity);
  m_failed = m_failed || failed;
  m_undecided = m_undecided || undecided;
  if (note.status == Status::pass || note.status == Status::skipped) return;
  note.message = m_texts.keep(m_message, k_longest_message);
  note.remedy = m_texts.keep(m_remedy, k_longest_message);
  m_report.notes.push_back(note);
}

void FindingsReader::settle_verdict(std::string_view written) {
  m_report.code = m_damaged                  ? ExitCode::integrity
                  : m_failed                 ? ExitCode::fails
                  : m_undecided || !m_passed ? ExitCode::inconclusive
                                             : ExitCode::conforms;
  // The verdict is derived from the findings; one that was written differs only where the file was edited.
  if (!written.empty() && written != headline(m_report.code))
    m_json.fail(fmt::format("the findings say {}, the report says {}", headline(m_report.code), written));
}

}  // namespace goldseal::fleet
