// SPDX-License-Identifier: Apache-2.0
#include <goldseal/fleet/reading/node_report.hpp>

#include <goldseal/base/bytes/sha256.hpp>
#include <goldseal/base/messages/error.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/base/messages/utc.hpp>
#include <goldseal/environment/difference.hpp>
#include <goldseal/fleet/reading/json_cursor.hpp>
#include <goldseal/fleet/reading/node_set.hpp>
#include <goldseal/report/json_report.hpp>
#include <goldseal/verdict/report.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <initializer_list>

namespace goldseal::fleet {
namespace {

constexpr std::size_t k_most_findings = 2'000;
constexpr std::size_t k_most_facts = 4'000;   // eight GPUs have some 400
constexpr std::size_t k_most_runs = 20'000;
constexpr std::size_t k_most_gpus = 1'024;
constexpr std::size_t k_most_stages = 1'000;
constexpr std::size_t k_most_text = 1U << 20U;  // that one report may add to what is kept
constexpr std::size_t k_longest_fact = 300;
constexpr std::size_t k_longest_message = 400;
constexpr std::size_t k_longest_name = 253;
constexpr std::size_t k_shown_digest = 16;  // digits that tell two outputs of a fleet apart

// What a member of an object is to be read by.
class Members {
 public:
  explicit Members(JsonCursor& json) : m_json(json) {}
  // Readers differ in which of two counts, and so would their verdicts.
  void once(unsigned bit) {
    if ((m_seen & (1U << bit)) != 0) m_json.fail("a member stands twice");
    m_seen |= 1U << bit;
  }
  [[nodiscard]] bool has(unsigned bit) const { return (m_seen & (1U << bit)) != 0; }

 private:
  JsonCursor& m_json;
  std::uint32_t m_seen = 0;
};

// A report's file with what does not last beyond the reading of it.
class Reading {
 public:
  Reading(JsonCursor& json, LocalNames& names, NodeReport& report) : m_json(json), m_names(names), m_report(report) {}

  void read() {
    Members members(m_json);
    m_json.object([&](std::string_view name) { read_member(name, members); });
    m_json.finish();
    if (!members.has(0)) m_json.fail("`findings` is missing");
    if (m_schema.empty()) m_json.fail("`schema` is missing");
    match_outputs();
    settle_verdict();
    if (m_report.node == 0) m_json.fail("the report names no node");
  }

  [[nodiscard]] const std::string& schema() const { return m_schema; }

 private:
  Id keep(std::string_view text, std::size_t limit) {
    if (text.size() <= limit) return kept(text);
    // Cut texts stay apart where they differ.
    const auto digest = to_hex(sha256(text)).substr(0, k_shown_digest);
    return kept(fmt::format("{}… ({})", text.substr(0, limit - 60), digest));
  }
  Id kept(std::string_view text) {
    m_kept += text.size();
    if (m_kept > k_most_text) m_json.fail("the report holds more text than reports do");
    return m_names.add(text);
  }
  Id text(std::size_t limit = k_longest_message) { return keep(m_json.text(), limit); }

  void read_member(std::string_view name, Members& members) {
    struct Text {
      std::string_view name;
      Id NodeReport::*member;
    };
    static constexpr std::array k_texts{Text{"verb", &NodeReport::verb}, Text{"policy", &NodeReport::policy},
                                        Text{"version", &NodeReport::version}};
    if (name == "findings") {
      members.once(0);
      read_findings();
    } else if (name == "evidence") {
      members.once(1);
      read_evidence();
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
        m_report.node = keep(target, k_longest_name);
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
      m_report.*found->member = text(k_longest_name);
    }
  }

  void read_subject() {
    auto subject = m_json.text();
    while (subject.size() > 1 && subject.ends_with('/')) subject.remove_suffix(1);
    m_report.subject = keep(subject.substr(subject.rfind('/') + 1), k_longest_name);
  }

  void read_started() {
    const auto started = parse_utc(m_json.text());
    if (!started) m_json.fail("`started` is no moment in UTC");
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
        if (!is_node_name(node)) m_json.fail("the node's name is no name of a host");
        m_report.node = keep(node, k_longest_name);
      } else if (name == "rank" || name == "ranks") {
        members.once(name == "rank" ? 1 : 2);
        const auto value = m_json.integer();
        if (value < 0 || value > 100'000'000) m_json.fail("a rank is no small number");
        (name == "rank" ? m_report.rank : m_report.ranks) = static_cast<std::int32_t>(value);
      } else if (const auto found = std::ranges::find(k_texts, name, &Text::name); found != k_texts.end()) {
        members.once(3 + static_cast<unsigned>(found - k_texts.begin()));
        m_report.*found->member = text();
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
          name = text(k_longest_name);
        } else if (member == "value") {
          value = text();
        } else {
          m_json.skip();
        }
      });
      if (name == m_names.add("runtime")) m_report.runtime = value;
      if (name == m_names.add("error")) m_report.error = value;
    });
  }

  void read_stages() {
    m_json.array([&] {
      StageTime stage;
      m_json.object([&](std::string_view member) {
        if (member == "name") {
          stage.name = text(k_longest_name);
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

  template <typename Parse>
  auto word(Parse&& parse) {
    const auto value = parse(m_json.text());
    if (!value) m_json.fail("a word that reports do not have");
    return *value;
  }

  void read_findings() {
    std::string packed;
    m_json.array([&] {
      Note note;
      bool judged = false;
      Members members(m_json);
      m_json.object([&](std::string_view member) {
        if (member == "id") {
          members.once(0);
          note.check = text(k_longest_name);
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
    m_report.checks = kept(packed);
  }

  void add_finding(Note note, std::string& packed) {
    pack(packed, note.check, static_cast<Id>(note.status));
    m_passed = m_passed || note.status == Status::pass || note.status == Status::warn;
    const bool failed = note.status == Status::fail;
    const bool required = note.severity == Severity::required || note.severity == Severity::integrity;
    const bool undecided = note.status == Status::unknown && required;
    m_damaged = m_damaged || (failed && note.severity == Severity::integrity);
    m_failed = m_failed || failed;
    m_undecided = m_undecided || undecided;
    if (note.status == Status::pass || note.status == Status::skipped) return;
    note.message = keep(m_message, k_longest_message);
    note.remedy = keep(m_remedy, k_longest_message);
    m_report.notes.push_back(note);
  }

  static void pack(std::string& packed, Id first, Id second) {
    std::array<char, 2 * sizeof(Id)> bytes{};
    std::memcpy(bytes.data(), &first, sizeof first);
    std::memcpy(bytes.data() + sizeof first, &second, sizeof second);
    packed.append(bytes.data(), bytes.size());
  }

  void read_evidence() {
    Members members(m_json);
    m_json.object([&](std::string_view name) {
      if (name == "environment") {
        members.once(0);
        read_environment();
      } else if (name == "outputs") {
        members.once(1);
        read_output_errors();
      } else if (name == "runs") {
        members.once(2);
        read_runs();
      } else {
        m_json.skip();
      }
    });
  }

  void read_environment() {
    std::string found;
    std::string sealed;
    std::size_t rows = 0;
    m_json.array([&] {
      std::array<std::string, 3>& row = m_row;
      for (auto& cell : row) cell.clear();
      m_json.object([&](std::string_view member) {
        const std::array<std::string_view, 3> k_names{"name", "found", "sealed"};
        const auto* const cell = std::ranges::find(k_names, member);
        if (cell == k_names.end()) return m_json.skip();
        row[static_cast<std::size_t>(cell - k_names.begin())].assign(m_json.text());
      });
      if (++rows > k_most_facts) m_json.fail("too many facts");
      note_uuid(row[0], row[1]);
      if (row[0] == "host.name") m_report.host = keep(row[1], k_longest_name);
      if (row[0].empty() || is_incidental(row[0])) return;
      const auto name = keep(row[0], k_longest_name);
      if (!row[1].empty()) pack(found, name, keep(row[1], k_longest_fact));
      if (!row[2].empty()) pack(sealed, name, keep(row[2], k_longest_fact));
    });
    m_report.facts = kept(found);
    m_report.sealed_facts = kept(sealed);
  }

  // `gpu.3.uuid` tells which facts are those of a run's GPU; `gpu.3.slice.1.uuid` of a part of one.
  void note_uuid(std::string_view name, std::string_view value) {
    if (!name.starts_with("gpu.") || !name.ends_with(".uuid")) return;
    if (m_uuids.size() == k_most_gpus) m_json.fail("too many GPUs");
    name.remove_suffix(std::string_view("uuid").size());
    m_uuids.emplace_back(keep(value, k_longest_name), keep(name, k_longest_name));
  }

  struct OutputError {
    std::string golden;
    bool float64 = false;
    double ratio = 0;
  };

  void read_output_errors() {
    m_json.array([&] {
      OutputError error;
      m_json.object([&](std::string_view member) {
        if (member == "golden") {
          error.golden.assign(m_json.text().substr(0, 2 * k_longest_name));
        } else if (member == "run") {
          error.float64 = m_json.text().starts_with("float64");
        } else if (member == "ratio") {
          error.ratio = m_json.number();
        } else {
          m_json.skip();
        }
      });
      if (m_errors.size() == k_most_runs) m_json.fail("too many outputs");
      m_errors.push_back(std::move(error));
    });
  }

  void read_runs() {
    std::size_t runs = 0;
    m_json.array([&] {
      CaseRun run;
      Unit where;
      Members members(m_json);
      m_json.object([&](std::string_view member) { read_run_member(member, run, where, members); });
      if (where.device == 0 || run.golden == 0 || run.outputs == 0) m_json.fail("a run lacks its case, device or outputs");
      if (++runs > k_most_runs) m_json.fail("too many runs");
      auto unit = std::ranges::find_if(m_report.units, [&](const Unit& u) { return u.device == where.device; });
      if (unit == m_report.units.end()) unit = m_report.units.insert(unit, where);
      unit->runs.push_back(run);
    });
  }

  void read_run_member(std::string_view member, CaseRun& run, Unit& where, Members& members) {
    if (member == "device") {
      members.once(0);
      where.device = text(k_longest_name);
    } else if (member == "gpu") {
      members.once(1);
      where.gpu = text(k_longest_name);
    } else if (member == "golden") {
      members.once(2);
      run.golden = text(k_longest_name);
    } else if (member == "inputs") {
      members.once(3);
      run.inputs = text(k_longest_name);
    } else if (member == "outputs") {
      members.once(4);
      read_outputs(run);
    } else if (member == "run") {
      members.once(5);
      run.kind = run_kind(m_json.text());
    } else {
      m_json.skip();
    }
  }

  RunKind run_kind(std::string_view word) const {
    for (const auto kind : {RunKind::native, RunKind::again, RunKind::float64})
      if (to_string(kind) == word) return kind;
    m_json.fail("a run of a kind that reports do not have");
  }

  void read_outputs(CaseRun& run) {
    std::string outputs;
    std::string sealed;
    m_json.array([&] {
      std::array<std::string, 3>& cells = m_row;
      for (auto& cell : cells) cell.clear();
      m_json.object([&](std::string_view member) {
        const std::array<std::string_view, 3> k_names{"name", "sha256", "sealed"};
        const auto* const cell = std::ranges::find(k_names, member);
        if (cell == k_names.end()) return m_json.skip();
        cells[static_cast<std::size_t>(cell - k_names.begin())].assign(m_json.text().substr(0, k_longest_name));
      });
      if (!parse_digest(cells[1]) || (!cells[2].empty() && !parse_digest(cells[2]))) m_json.fail("a digest is no SHA-256");
      // The name may hold anything; a line of it is one output's.
      const auto name = escape_unprintable(cells[0]);
      outputs += fmt::format("{}={}\n", name, cells[1].substr(0, 2 * k_shown_digest));
      if (!cells[2].empty()) sealed += fmt::format("{}={}\n", name, cells[2].substr(0, 2 * k_shown_digest));
      if (outputs.size() > k_most_text) m_json.fail("too many outputs");
    });
    run.outputs = kept(outputs);
    run.sealed = kept(sealed);
  }

  // The errors stand in a table of their own, by `CASE` or `CASE on DEVICE`.
  void match_outputs() {
    for (auto& unit : m_report.units) {
      const auto facts = std::ranges::find(m_uuids, unit.gpu, &std::pair<Id, Id>::first);
      if (unit.gpu != 0 && facts != m_uuids.end()) unit.gpu_facts = facts->second;
    }
    m_ratios.clear();
    for (const auto& error : m_errors) m_ratios.emplace_back(m_names.add(error.golden), error);
    for (auto& unit : m_report.units) {
      for (auto& run : unit.runs) {
        const auto alone = run.golden;
        const auto label = m_report.units.size() == 1 ? alone : labelled(run.golden, unit.device);
        for (const auto& [golden, error] : m_ratios) {
          if ((golden == label || golden == alone) && error.float64 == (run.kind == RunKind::float64))
            run.ratio = std::max(run.ratio, error.ratio);
        }
      }
    }
  }

  Id labelled(Id golden, Id device) { return m_names.add(fmt::format("{} on {}", m_names.text(golden), m_names.text(device))); }

  void settle_verdict() {
    m_report.code = m_damaged                  ? ExitCode::integrity
                    : m_failed                 ? ExitCode::fails
                    : m_undecided || !m_passed ? ExitCode::inconclusive
                                               : ExitCode::conforms;
    // The verdict is derived from the findings; one that was written differs only where the file was edited.
    if (!m_verdict.empty() && m_verdict != headline(m_report.code))
      m_json.fail(fmt::format("the findings say {}, the report says {}", headline(m_report.code), m_verdict));
  }

  JsonCursor& m_json;
  LocalNames& m_names;
  NodeReport& m_report;
  std::string m_schema;
  std::string m_verdict;
  std::string m_message;
  std::string m_remedy;
  std::array<std::string, 3> m_row;
  std::vector<std::pair<Id, Id>> m_uuids;
  std::vector<OutputError> m_errors;
  std::vector<std::pair<Id, OutputError>> m_ratios;
  std::size_t m_kept = 0;
  bool m_passed = false;
  bool m_damaged = false;
  bool m_failed = false;
  bool m_undecided = false;
};

int schema_version(std::string_view schema) {
  int version = 0;
  if (!schema.starts_with(k_report_schema_prefix)) return 0;
  schema.remove_prefix(k_report_schema_prefix.size());
  const auto [end, error] = std::from_chars(schema.data(), schema.data() + schema.size(), version);
  return error == std::errc() && end == schema.data() + schema.size() ? version : 0;
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
    if (schema && schema_version(*schema) == 0) return bad(Defect::foreign, "it is no report of goldseal");
    return bad(Defect::damaged, error.message());
  }
  if (const auto version = schema_version(reading.schema()); version == 0)
    return bad(Defect::foreign, "it is no report of goldseal");
  else if (version > k_report_schema_version)
    return bad(Defect::newer, fmt::format("a later goldseal wrote it ({})", escape_unprintable(reading.schema())));
  report.path = m_names.add(path);
  report.folder = m_names.add(folder);
  return std::nullopt;
}

}  // namespace goldseal::fleet
