// SPDX-License-Identifier: Apache-2.0
#include <goldseal/fleet/reading/evidence_reader.hpp>

#include <goldseal/base/bytes/sha256.hpp>
#include <goldseal/base/messages/text.hpp>
#include <goldseal/environment/difference.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace goldseal::fleet {
namespace {

constexpr std::size_t k_most_facts = 4'000;  // eight GPUs have some 400
constexpr std::size_t k_most_runs = 20'000;
constexpr std::size_t k_most_gpus = 1'024;
constexpr std::size_t k_longest_fact = 300;
constexpr std::size_t k_shown_digest = 16;  // digits that tell two outputs of a fleet apart

}  // namespace

void EvidenceReader::read() {
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

void EvidenceReader::read_environment() {
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
    if (row[0] == "host.name") m_report.host = m_texts.keep(row[1], k_longest_name);
    if (row[0].empty() || is_incidental(row[0])) return;
    const auto name = m_texts.keep(row[0], k_longest_name);
    if (!row[1].empty()) pack(found, name, m_texts.keep(row[1], k_longest_fact));
    if (!row[2].empty()) pack(sealed, name, m_texts.keep(row[2], k_longest_fact));
  });
  m_report.facts = m_texts.kept(found);
  m_report.sealed_facts = m_texts.kept(sealed);
}

// `gpu.3.uuid` tells which facts are those of a run's GPU; `gpu.3.slice.1.uuid` of a part of one.
void EvidenceReader::note_uuid(std::string_view name, std::string_view value) {
  if (!name.starts_with("gpu.") || !name.ends_with(".uuid")) return;
  if (m_uuids.size() == k_most_gpus) m_json.fail("too many GPUs");
  name.remove_suffix(std::string_view("uuid").size());
  m_uuids.emplace_back(m_texts.keep(value, k_longest_name), m_texts.keep(name, k_longest_name));
}

void EvidenceReader::read_output_errors() {
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

void EvidenceReader::read_runs() {
  std::size_t runs = 0;
  m_json.array([&] {
    CaseRun run;
    Unit where;
    Members members(m_json);
    m_json.object([&](std::string_view member) { read_run_member(member, run, where, members); });
    if (where.device == 0 || run.golden == 0 || run.outputs == 0)
      m_json.fail("a run lacks its case, device or outputs");
    if (++runs > k_most_runs) m_json.fail("too many runs");
    auto unit = std::ranges::find_if(m_report.units, [&](const Unit& u) { return u.device == where.device; });
    if (unit == m_report.units.end()) unit = m_report.units.insert(unit, where);
    unit->runs.push_back(run);
  });
}

void EvidenceReader::read_run_member(std::string_view member, CaseRun& run, Unit& where, Members& members) {
  if (member == "device") {
    members.once(0);
    where.device = m_texts.next(k_longest_name);
  } else if (member == "gpu") {
    members.once(1);
    where.gpu = m_texts.next(k_longest_name);
  } else if (member == "golden") {
    members.once(2);
    run.golden = m_texts.next(k_longest_name);
  } else if (member == "inputs") {
    members.once(3);
    run.inputs = m_texts.next(k_longest_name);
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

RunKind EvidenceReader::run_kind(std::string_view word) const {
  for (const auto kind : {RunKind::native, RunKind::again, RunKind::float64})
    if (to_string(kind) == word) return kind;
  m_json.fail("a run of a kind that reports do not have");
}

void EvidenceReader::read_outputs(CaseRun& run) {
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
    if (!parse_digest(cells[1]) || (!cells[2].empty() && !parse_digest(cells[2])))
      m_json.fail("a digest must be a SHA-256");
    // The name may hold anything; a line of it is one output's.
    const auto name = escape_unprintable(cells[0]);
    outputs += fmt::format("{}={}\n", name, cells[1].substr(0, 2 * k_shown_digest));
    if (!cells[2].empty()) sealed += fmt::format("{}={}\n", name, cells[2].substr(0, 2 * k_shown_digest));
    if (outputs.size() > k_most_text) m_json.fail("too many outputs");
  });
  run.outputs = m_texts.kept(outputs);
  run.sealed = m_texts.kept(sealed);
}

// The errors stand in a table of their own, by `CASE` or `CASE on DEVICE`.
void EvidenceReader::match_outputs() {
  for (auto& unit : m_report.units) {
    const auto facts = std::ranges::find(m_uuids, unit.gpu, &std::pair<Id, Id>::first);
    if (unit.gpu != 0 && facts != m_uuids.end()) unit.gpu_facts = facts->second;
  }
  m_ratios.clear();
  for (const auto& error : m_errors) m_ratios.emplace_back(m_texts.add(error.golden), error);
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

Id EvidenceReader::labelled(Id golden, Id device) {
  return m_texts.add(fmt::format("{} on {}", m_texts.text(golden), m_texts.text(device)));
}

}  // namespace goldseal::fleet
