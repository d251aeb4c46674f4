// SPDX-License-Identifier: Apache-2.0
#include <goldseal/fleet/reading/node_report.hpp>

#include <goldseal/base/bytes/own_digest.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/base/messages/utc.hpp>
#include <goldseal/fleet/reading/evidence_reader.hpp>
#include <goldseal/fleet/reading/findings_reader.hpp>
#include <goldseal/fleet/reading/node_set.hpp>
#include <goldseal/fleet/reading/report_texts.hpp>
#include <goldseal/report/json_report.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <limits>

namespace goldseal::fleet {
namespace {

constexpr std::size_t k_most_stages = 1'000;

// A report's file with what does not last beyond the reading of it.
class Reading {
 public:
  Reading(JsonCursor& json, LocalNames& names, NodeReport& report)
      : m_json(json),
        m_report(report),
        m_texts(json, names),
        m_findings(json, m_texts, report),
        m_evidence(json, m_texts, report) {}

  void read() {
    Members members(m_json);
    m_json.object([&](std::string_view name) { read_member(name, members); });
    m_json.finish();
    if (!members.has(0)) m_json.fail("`findings` is missing");
    if (m_schema.empty()) m_json.fail("`schema` is missing");
    m_evidence.match_outputs();
    m_findings.settle_verdict(m_verdict);
    if (m_report.node == 0) m_json.fail("the report names no node");
  }

  [[nodiscard]] const std::string& schema() const { return m_schema; }

 private:
  void read_member(std::string_view name, Members& members) {
    struct Text {
      std::string_view name;
      Id NodeReport::*member;
    };
    static constexpr std::array k_texts{Text{"verb", &NodeReport::verb}, Text{"policy", &NodeReport::policy},
                                        Text{"version", &NodeReport::version}};
    if (name == "findings") {
      members.once(0);
      m_findings.read();
    } else if (name == "evidence") {
      members.once(1);
      m_evidence.read();
    } else if (name == "identity") {
      members.once(2);
      read_identity();
    } else if (name == "stages") {
      members.once(3);
      read_stages();
    } else if (name == "facts") {
      members.once(4);
      read_told();
    } else if (name == "subject") {
      members.once(5);
      read_subject();
    } else if (name == "target") {
      members.once(6);
      if (const auto target = m_json.text(); m_report.node == 0 && is_node_name(target))
        m_report.node = m_texts.keep(target, k_longest_name);
    } else if (name == "started") {
      members.once(7);
      read_started();
    } else if (name == "schema") {
      members.once(8);
      m_schema = m_json.text().substr(0, k_longest_name);
    } else if (name == "verdict") {
      members.once(9);
      m_verdict = m_json.text().substr(0, k_longest_name);
    } else {
      const auto found = std::ranges::find(k_texts, name, &Text::name);
      if (found == k_texts.end()) return m_json.skip();
      members.once(10 + static_cast<unsigned>(found - k_texts.begin()));
      m_report.*found->member = m_texts.next(k_longest_name);
    }
  }

  void read_subject() {
    auto subject = m_json.text();
    while (subject.size() > 1 && subject.ends_with('/')) subject.remove_suffix(1);
    m_report.subject = m_texts.keep(subject.substr(subject.rfind('/') + 1), k_longest_name);
  }

  void read_started() {
    const auto started = parse_utc(m_json.text());
    if (!started) m_json.fail("`started` must be a moment in UTC");
    m_report.started = *started;
  }

  void read_identity() {
    Members members(m_json);
    struct Text {
      std::string_view name;
      Id NodeReport::*member;
    };
    static constexpr std::array k_texts{
        Text{"seal_sha256", &NodeReport::seal}, Text{"policy_sha256", &NodeReport::policy_digest},
        Text{"device", &NodeReport::asked},     Text{"job", &NodeReport::job},
        Text{"boot", &NodeReport::boot},        Text{"results", &NodeReport::results},
        Text{"settings", &NodeReport::settings}};
    m_json.object([&](std::string_view name) {
      if (name == "node") {
        members.once(0);
        const auto node = m_json.text();
        if (!is_node_name(node)) m_json.fail("the node's name must be that of a host");
        m_report.node = m_texts.keep(node, k_longest_name);
      } else if (name == "rank" || name == "ranks") {
        members.once(name == "rank" ? 1 : 2);
        const auto value = m_json.integer();
        if (value < 0 || value > 100'000'000) m_json.fail("a rank must be a number of 0 to 100,000,000");
        (name == "rank" ? m_report.rank : m_report.ranks) = static_cast<std::int32_t>(value);
      } else if (const auto found = std::ranges::find(k_texts, name, &Text::name); found != k_texts.end()) {
        members.once(3 + static_cast<unsigned>(found - k_texts.begin()));
        m_report.*found->member = m_texts.next();
      } else {
        m_json.skip();
      }
    });
  }

  // What the run tells in words: which runtime ran, and what ended it.
  void read_told() {
    m_json.array([&] {
      Id name = 0;
      Id value = 0;
      m_json.object([&](std::string_view member) {
        if (member == "name") {
          name = m_texts.next(k_longest_name);
        } else if (member == "value") {
          value = m_texts.next();
        } else {
          m_json.skip();
        }
      });
      if (name == m_texts.add("runtime")) m_report.runtime = value;
      if (name == m_texts.add("error")) m_report.error = value;
    });
  }

  void read_stages() {
    m_json.array([&] {
      StageTime stage;
      m_json.object([&](std::string_view member) {
        if (member == "name") {
          stage.name = m_texts.next(k_longest_name);
        } else if (member == "seconds") {
          stage.seconds = m_json.number();
        } else {
          m_json.skip();
        }
      });
      if (m_report.stages.size() == k_most_stages) m_json.fail("too many stages");
      add_stage(stage);
    });
  }

  // A stage that comes again (one for each case) is one of that name.
  void add_stage(const StageTime& stage) {
    const auto same = std::ranges::find(m_report.stages, stage.name, &StageTime::name);
    if (same == m_report.stages.end()) {
      m_report.stages.push_back(stage);
    } else {
      same->seconds += stage.seconds;
    }
  }

  JsonCursor& m_json;
  NodeReport& m_report;
  ReportTexts m_texts;
  FindingsReader m_findings;
  EvidenceReader m_evidence;
  std::string m_schema;
  std::string m_verdict;
};

// 0 where it is no report. What calls itself one with a version that is none is of no goldseal that this one knows: as a
// later one's it is told, where a stranger's file would be left out.
int schema_version(std::string_view schema) {
  int version = 0;
  if (!schema.starts_with(k_report_schema_prefix)) return 0;
  schema.remove_prefix(k_report_schema_prefix.size());
  const auto [end, error] = std::from_chars(schema.data(), schema.data() + schema.size(), version);
  const bool known = error == std::errc() && end == schema.data() + schema.size() && version > 0;
  return known ? version : std::numeric_limits<int>::max();
}

// The first members of an object that is no report have other names; one look tells the two apart.
std::optional<std::string> schema_of(std::string_view text, const std::string& path) {
  try {
    JsonCursor json(text, path);
    std::optional<std::string> schema;
    if (const auto first = text.find_first_not_of(" \t\r\n"); first != std::string_view::npos && text[first] != '{') {
      json.skip();
      json.finish();
      return "";
    }
    json.object([&](std::string_view name) {
      if (name == "schema" && !schema) {
        schema = std::string(json.text().substr(0, k_longest_name));
      } else {
        json.skip();
      }
    });
    json.finish();
    return schema.value_or("");
  } catch (const Error&) {
    return std::nullopt;
  }
}

// Of UTF-8, which editors and shells of Windows put in front.
constexpr std::string_view k_byte_order_mark = "\xef\xbb\xbf";

bool is_utf16(std::string_view text) { return text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff"); }

// A file that was not whole when the node went down ends in zeros, or early.
bool ends_in_zeros(std::string_view text) {
  const auto last = text.find_last_not_of('\0');
  return last == std::string_view::npos || last + 1 < text.size();
}

}  // namespace

std::string_view to_string(RunKind kind) {
  constexpr std::array<std::string_view, 3> k_names{"native", "native again", "float64"};
  return k_names[static_cast<std::size_t>(kind)];
}

std::vector<std::pair<Id, Id>> unpack(std::string_view packed) {
  std::vector<std::pair<Id, Id>> pairs(packed.size() / (2 * sizeof(Id)));
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    std::memcpy(&pairs[i].first, packed.data() + i * 2 * sizeof(Id), sizeof(Id));
    std::memcpy(&pairs[i].second, packed.data() + (i * 2 + 1) * sizeof(Id), sizeof(Id));
  }
  return pairs;
}

std::optional<BadFile> ReportReader::read(std::string_view text, const std::string& path, std::string_view folder,
                                          NodeReport& report) {
  const auto bad = [&](Defect defect, std::string message) {
    return BadFile{path, std::string(folder), defect, std::move(message)};
  };
  const auto foreign = [&] {
    if (judge_own_digest(text) != OwnDigest::wrong) return bad(Defect::foreign, "it is not a report of goldseal");
    return bad(Defect::damaged, "it does not read as a report, and holds the digest of one (report_sha256), written with other bytes");
  };
  if (is_utf16(text))
    return bad(Defect::unreadable, "it is written in UTF-16, as a shell's > may do (PowerShell): let goldseal write it, --report FILE or --report-dir DIR");
  if (text.starts_with(k_byte_order_mark)) text.remove_prefix(k_byte_order_mark.size());
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return bad(Defect::truncated, "the file is empty");
  JsonCursor json(text, path);
  report = {};
  Reading reading(json, m_names, report);
  try {
    reading.read();
  } catch (const Error& error) {
    if (json.exhausted() || ends_in_zeros(text)) {
      const auto schema = schema_of(text, path);
      if (!schema) return bad(Defect::truncated, fmt::format("the report breaks off: {}", error.message()));
    }
    const auto schema = schema_of(text, path);
    if (schema && schema_version(*schema) > k_report_schema_version)
      return bad(Defect::newer, fmt::format("a later goldseal wrote it ({})", escape_unprintable(*schema)));
    if (schema && schema_version(*schema) == 0) return foreign();
    return bad(Defect::damaged, error.message());
  }
  if (const auto version = schema_version(reading.schema()); version == 0)
    return foreign();
  else if (version > k_report_schema_version)
    return bad(Defect::newer, fmt::format("a later goldseal wrote it ({})", escape_unprintable(reading.schema())));
  // What another verb found (`capture`) is no verdict on the seal.
  if (const auto verb = m_names.text(report.verb); !verb.empty() && verb != "verify" && verb != "check")
    return bad(Defect::foreign, fmt::format("it is a report of `{}`, expected one of verify or check", escape_unprintable(verb)));
  const auto digest = judge_own_digest(text);
  if (digest == OwnDigest::wrong)
    return bad(Defect::damaged, "it reads as a report, and its own digest (report_sha256) says that it was written with other bytes");
  report.has_digest = digest == OwnDigest::right;
  report.path = m_names.add(path);
  report.folder = m_names.add(folder);
  return std::nullopt;
}

}  // namespace goldseal::fleet
